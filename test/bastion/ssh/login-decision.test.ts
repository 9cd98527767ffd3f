import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AdmittedStream } from '../../../bastion/admission/admission.ts';
import { parsePolicy } from '../../../bastion/policy/schema.ts';
import { decideLogin, identityOf, isBoundKey } from '../../../bastion/ssh/login-decision.ts';
import { systemClock } from '../../../shared/clock.ts';

const CLAIMS = { sub: 'alice', groups: ['g'], amr: ['pwd', 'otp'], jti: 'p-1' };

function admitted(claims: object = {}, source?: string): AdmittedStream {
  return { claims: { ...CLAIMS, ...claims }, host: { name: 'web-1' }, source } as unknown as AdmittedStream;
}

describe('the decision about a login', () => {
  it('is about whom the pass names, on the host that was asked for', () => {
    expect(identityOf(admitted(), 'root')).toEqual({
      ...{
        operator: 'alice',
        groups: ['g'],
        amr: ['pwd', 'otp'],
        passId: 'p-1',
        host: 'web-1',
        login: 'root',
      },
    });
    const more = admitted({ device: 'd-1', vouched_by: { issuer: 'https://idp' } }, '192.0.2.7');
    expect(identityOf(more, 'root')).toMatchObject({
      ...{ device: 'd-1', vouchedBy: 'https://idp', source: '192.0.2.7' },
    });
  });

  it('is made by the policy in force and by the labels that the host has', () => {
    const policy = parsePolicy(
      'version: 1\nroles: [{ name: r, groups: [g], hosts: { labels: { env: test } }, logins: [root], allow: [exec] }]\n',
      'policy.yaml',
    );
    const services = { policy: { policy }, clock: systemClock };
    const decide = (login: string, env: string) =>
      decideLogin(services, identityOf(admitted(), login), { env }).allow;
    expect(decide('root', 'test')).toBe(true);
    expect(decide('root', 'live')).toBe(false);
    expect(decide('admin', 'test')).toBe(false);
  });

  it('takes no other key for the one that the pass binds', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(isBoundKey(one, one)).toBe(true);
        expect(isBoundKey(one, other)).toBe(Buffer.from(one).equals(Buffer.from(other)));
      }),
    );
  });
});
