import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClaimRules, claimAt, operatorOf } from '../../../../shared/identity/provider/claim-rules.ts';
import type { IdTokenClaims } from '../../../../shared/identity/provider/id-token.ts';

const RULES: ClaimRules = { usernameClaim: 'preferred_username', groupsClaim: 'groups', acrMeans: {} };

function described(claims: Record<string, unknown>, rules: Partial<ClaimRules> = {}) {
  const whole: IdTokenClaims = {
    iss: 'https://login.example.com',
    sub: 's',
    aud: 'c',
    iat: 1000,
    exp: 2000,
    preferred_username: 'alice',
    ...claims,
  };
  return operatorOf(whole, { ...RULES, ...rules });
}

describe('an operator by their claims', () => {
  it.each([
    ['a list', { groups: ['a', 'b', 'a'] }, 'groups', ['a', 'b']],
    ['one text', { groups: 'a b' }, 'groups', ['a b']],
    ['a nested list', { realm_access: { roles: ['a'] } }, 'realm_access.roles', ['a']],
    ['a name with dots', { 'https://x.example/groups': ['a'] }, 'https://x.example/groups', ['a']],
    ['none', {}, 'groups', []],
    ['null', { groups: null }, 'groups', []],
  ])('has the groups of %s', (_what, claims, groupsClaim, groups) => {
    expect(described(claims, { groupsClaim }).groups).toEqual(groups);
  });

  it.each([
    ['a number among them', { groups: ['a', 7] }, 'groups_malformed'],
    ['objects', { groups: { a: 1 } }, 'groups_malformed'],
    ['an empty one', { groups: [''] }, 'groups_malformed'],
    ['over 512', { groups: Array.from({ length: 513 }, (_, index) => `g${index}`) }, 'groups_malformed'],
    ['a reference in their place', { _claim_names: { groups: 'src1' } }, 'groups_overage'],
    ['hasgroups in their place', { hasgroups: true }, 'groups_overage'],
  ])('is refused when the groups are %s', (_what, claims, fault) => {
    expect(() => described(claims)).toThrow(expect.objectContaining({ fault }));
  });

  it('loses the domain that all have, and nobody of another domain is taken', () => {
    const usernameSuffix = '@contoso.com';
    expect(described({ preferred_username: 'Alice@Contoso.com' }, { usernameSuffix }).username).toBe('alice');
    for (const preferred_username of ['alice@contoso.com.evil.example', 'alice', '@contoso.com']) {
      expect(() => described({ preferred_username }, { usernameSuffix })).toThrow(
        expect.objectContaining({ fault: 'no_username' }),
      );
    }
  });

  it('of one provider is nobody of another, and in no group of it, where suffix and prefix are kept', () => {
    const ours = { usernameSuffix: '@contoso.com', keepSuffix: true };
    const theirs = { usernameSuffix: '@partner.example', keepSuffix: true, groupPrefix: 'partner/' };
    const name = (text: string, rules: Partial<ClaimRules>) =>
      described({ preferred_username: text }, rules).username;
    expect(name('Alice@Contoso.com', ours)).toBe('alice@contoso.com');
    expect(name('alice@partner.example', theirs)).toBe('alice@partner.example');
    for (const text of ['alice@contoso.com', 'alice', '@partner.example'])
      expect(() => name(text, theirs)).toThrow(expect.objectContaining({ fault: 'no_username' }));
    const claims = { preferred_username: 'a@partner.example', groups: ['support', 'partner/x'] };
    expect(described(claims, theirs).groups).toEqual(['partner/support', 'partner/partner/x']);
    const tooLong = { ...claims, groups: ['g'.repeat(250)] };
    expect(() => described(tooLong, theirs)).toThrow(expect.objectContaining({ fault: 'groups_malformed' }));
  });

  it('has no address for a name that nobody has verified', () => {
    const rules = { usernameClaim: 'email' };
    expect(() => described({ email: 'a@b.example', email_verified: false }, rules)).toThrow('not verified');
    for (const email_verified of ['false', '', 0, null])
      expect(() => described({ email: 'a@b.example', email_verified }, rules)).toThrow('not verified');
    for (const email_verified of [true, 'true'])
      expect(described({ email: 'a@b.example', email_verified }, rules).username).toBe('a@b.example');
  });

  it('has a user name that is safe in a UNIX login, or none', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        try {
          expect(described({ preferred_username: name }).username).toMatch(/^[a-z0-9][a-z0-9._@-]{0,63}$/);
        } catch (error) {
          expect(error).toMatchObject({ fault: 'no_username' });
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has the methods of amr, and those that acr stands for', () => {
    expect(described({ amr: ['pwd'], acr: '2' }, { acrMeans: { 2: ['mfa', 'pwd'] } }).amr).toEqual([
      'pwd',
      'mfa',
    ]);
    expect(described({ amr: 'pwd', acr: 'constructor' }).amr).toEqual(['pwd']);
  });

  it('signed in at auth_time, which is never later than the token', () => {
    expect(described({ auth_time: 400 }).authTimeS).toBe(400);
    expect(described({ auth_time: 1020 }).authTimeS).toBe(1000);
    expect(described({}).authTimeS).toBe(1000);
  });

  it('has nothing from the prototype of the claims', () => {
    expect(claimAt({ a: {} }, 'a.constructor.name')).toBeUndefined();
    expect(claimAt({}, '__proto__')).toBeUndefined();
    expect(claimAt({ a: ['x'] }, 'a.0')).toBeUndefined();
  });
});
