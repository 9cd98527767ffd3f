import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { FactorAdministration } from '../../../proxy/accounts/factor-administration.ts';
import { UserAdministration } from '../../../proxy/accounts/user-administration.ts';
import { PasswordHasher } from '../../../shared/accounts/password-hasher.ts';
import { generateSshKey, parsePublicLine } from '../../../shared/ssh/keys.ts';
import { proxyAccounts } from '../../support/proxy-accounts.ts';

const ROOT = 'local:root';

async function administration() {
  const accounts = await proxyAccounts();
  const { store, relays, audit, clock } = accounts;
  const users = new UserAdministration({
    identity: { name: 'central' },
    store,
    relays,
    passwords: new PasswordHasher(),
    audit,
    clock,
  });
  /** A connection that alice has open. */
  const openConnection = (fingerprint = 'SHA256:x'): PassThrough => {
    const stream = new PassThrough();
    relays.add({ username: 'alice', fingerprint }, stream);
    return stream;
  };
  return { ...accounts, request: accounts.request.bind(accounts), users, openConnection };
}

describe('recovery codes', () => {
  it('are ten, good once each in place of the authenticator, counted, and said to be used in the audit log', async () => {
    const { users, logins, request, audit } = await administration();
    const { recoveryCodes } = await users.renewRecoveryCodes(ROOT, 'alice');
    const [first = '', second = ''] = recoveryCodes;
    expect(new Set(recoveryCodes).size).toBe(10);
    await logins.login(request({ code: first.toUpperCase().replaceAll('-', ' ') }));
    await expect(logins.login(request({ code: first }))).rejects.toMatchObject({ code: 'login.refused' });
    await logins.login(request({ code: second }));
    expect(await users.list()).toMatchObject([{ username: 'alice', recoveryCodes: 8 }]);
    expect(audit.ofType('operator.signed_in')).toMatchObject([
      { recoveryCode: true },
      { recoveryCode: true },
    ]);
    expect(JSON.stringify(audit.events)).not.toContain(first);
  });

  it('let one of several in who come with the same one at the same time', async () => {
    const { users, signIn } = await administration();
    const { recoveryCodes } = await users.renewRecoveryCodes(ROOT, 'alice');
    const attempt = { username: 'alice', code: recoveryCodes[0] ?? '', address: '192.0.2.1' };
    const results = await Promise.all(Array.from({ length: 4 }, () => signIn.withCode(attempt)));
    expect(results.filter(({ ok }) => ok).length).toBe(1);
  });

  it('of before are worth nothing once new ones are made, and those of another user never are', async () => {
    const { users, signIn, addUser } = await administration();
    await addUser('bob');
    const before = await users.renewRecoveryCodes(ROOT, 'alice');
    const ofBob = await users.renewRecoveryCodes(ROOT, 'bob');
    await users.renewRecoveryCodes(ROOT, 'alice');
    for (const code of [before.recoveryCodes[0] ?? '', ofBob.recoveryCodes[0] ?? '']) {
      const attempt = { username: 'alice', code, address: '192.0.2.1' };
      expect(await signIn.withCode(attempt)).toEqual({ ok: false, reason: 'wrong_code' });
    }
  });

  it('are not kept as they are', async () => {
    const { users, store } = await administration();
    const { recoveryCodes } = await users.renewRecoveryCodes(ROOT, 'alice');
    expect(await store.factors.spendRecoveryCode('alice', recoveryCodes[0] ?? '', 1)).toBe(false);
  });
});

describe('an operator', () => {
  it('gets in again after being enabled, but not with a login from before', async () => {
    const { users, logins, request, operators, clock } = await administration();
    const login = await logins.login(request());
    await users.disable(ROOT, 'alice');
    await users.enable(ROOT, 'alice');
    expect(await operators.standingOf(login.fingerprint)).toMatchObject({ why: 'logged_out' });
    clock.advance(30_000);
    await expect(logins.login(request())).resolves.toMatchObject({ username: 'alice' });
  });

  it('loses what is open when a group is taken away, and not when one is added', async () => {
    const { users, openConnection } = await administration();
    openConnection();
    expect(await users.setGroups(ROOT, 'alice', ['support', 'dba'])).toEqual({
      groups: ['support', 'dba'],
      cut: 0,
    });
    expect(await users.setGroups(ROOT, 'alice', ['dba'])).toEqual({ groups: ['dba'], cut: 1 });
  });

  it('loses logins, recovery codes and what is open when the second factor is reset', async () => {
    const { users, openConnection, signIn } = await administration();
    const before = await users.renewRecoveryCodes(ROOT, 'alice');
    const stream = openConnection();
    const after = await users.resetMfa(ROOT, 'alice');
    expect(stream.destroyed).toBe(true);
    const withCode = (code = '') => signIn.withCode({ username: 'alice', code, address: '192.0.2.1' });
    expect(await withCode(before.recoveryCodes[0])).toMatchObject({ ok: false });
    expect(await withCode(after.recoveryCodes[0])).toMatchObject({ ok: true });
  });

  it.each(['reset', 'disabled and enabled'] as const)(
    'gets no login out of a sign-in that went on while the account was %s',
    async (how) => {
      const { users, logins, request, audit, store } = await administration();
      const append = audit.append.bind(audit);
      audit.append = async (event) => {
        if (event.type === 'operator.signed_in') {
          if (how === 'reset') await users.resetMfa(ROOT, 'alice');
          else await users.disable(ROOT, 'alice');
          if (how !== 'reset') await users.enable(ROOT, 'alice');
        }
        return append(event);
      };
      const asked = request();
      await expect(logins.login(asked)).rejects.toMatchObject({ code: 'operator.login_ended' });
      const { fingerprint } = parsePublicLine(asked.publicKey);
      expect(await store.logins.findLogin(fingerprint)).toBeUndefined();
      expect(audit.ofType('operator.refused')).toMatchObject([
        { reason: 'ended_meanwhile', operator: 'alice', fingerprint },
      ]);
    },
  );

  it.each(['reset', 'disabled and enabled'] as const)(
    'opens nothing more on an idle connection with a registered key once the account was %s',
    async (how) => {
      const { users, operators, clock } = await administration();
      const { fingerprint } = await users.addKey(ROOT, 'alice', generateSshKey('a').publicLine);
      const operator = {
        username: 'alice',
        fingerprint,
        amr: ['swk', 'otp', 'mfa'],
        authTimeMs: clock.nowMs(),
        expiresAtMs: operators.expiryOf(clock.nowMs()),
        by: 'code',
        epoch: 0,
      } as const;
      await expect(operators.rightsOf(operator)).resolves.toEqual({ groups: ['support'] });
      if (how === 'reset') await users.resetMfa(ROOT, 'alice');
      else await users.disable(ROOT, 'alice');
      if (how !== 'reset') await users.enable(ROOT, 'alice');
      await expect(operators.rightsOf(operator)).rejects.toMatchObject({ code: 'operator.login_ended' });
    },
  );

  it('loses a key that is removed and what it has open; another key stays', async () => {
    const { users, openConnection, operators } = await administration();
    const [gone, stays] = [generateSshKey('a').publicLine, generateSshKey('b').publicLine];
    await users.addKey(ROOT, 'alice', gone);
    await users.addKey(ROOT, 'alice', stays);
    const { fingerprint } = parsePublicLine(gone);
    const streams = [openConnection(fingerprint), openConnection(parsePublicLine(stays).fingerprint)];
    expect(await users.removeKey(ROOT, 'alice', fingerprint)).toEqual({ cut: 1 });
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, false]);
    expect(await operators.standingOf(fingerprint)).toEqual({ kind: 'unknown' });
    await expect(users.removeKey(ROOT, 'alice', fingerprint)).rejects.toMatchObject({ code: 'key.unknown' });
  });

  it('who is not known is named as such by every command', async () => {
    const { users, ...parts } = await administration();
    const unknown = { code: 'user.unknown' };
    await expect(users.enable(ROOT, 'nobody')).rejects.toMatchObject(unknown);
    await expect(users.setGroups(ROOT, 'nobody', [])).rejects.toMatchObject(unknown);
    await expect(users.renewRecoveryCodes(ROOT, 'nobody')).rejects.toMatchObject(unknown);
    await expect(users.removeKey(ROOT, 'nobody', 'x')).rejects.toMatchObject(unknown);
    const factors = new FactorAdministration({ publicUrl: () => 'https://proxy.example.com', ...parts });
    await expect(factors.createLink(ROOT, 'nobody', 'security_key')).rejects.toMatchObject(unknown);
    await expect(factors.removeSecurityKey(ROOT, 'nobody', 'x')).rejects.toMatchObject(unknown);
  });

  it('is not changed when the audit log cannot be written', async () => {
    const { users, audit, store } = await administration();
    await users.disable(ROOT, 'alice');
    audit.failing = true;
    const unavailable = { code: 'audit.unavailable' };
    await expect(users.enable(ROOT, 'alice')).rejects.toMatchObject(unavailable);
    await expect(users.setGroups(ROOT, 'alice', ['dba'])).rejects.toMatchObject(unavailable);
    await expect(users.renewRecoveryCodes(ROOT, 'alice')).rejects.toMatchObject(unavailable);
    expect(await store.accounts.findAccount('alice')).toMatchObject({ disabled: true, groups: ['support'] });
  });
});

describe('what takes a right away', () => {
  it('is done, and said not to be entered, while the audit log cannot be written', async () => {
    const { users, audit, store, openConnection } = await administration();
    const { publicLine } = generateSshKey('gone');
    await users.addKey(ROOT, 'alice', publicLine);
    const { fingerprint } = parsePublicLine(publicLine);
    const streams = [openConnection(fingerprint), openConnection()];
    audit.failing = true;
    const unavailable = { code: 'audit.unavailable' };
    await expect(users.removeKey(ROOT, 'alice', fingerprint)).rejects.toMatchObject(unavailable);
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, false]);
    await expect(users.disable(ROOT, 'alice')).rejects.toMatchObject(unavailable);
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, true]);
    expect(await store.accounts.findAccount('alice')).toMatchObject({ disabled: true });
    expect(await store.accounts.findKey(fingerprint)).toBeUndefined();
  });
});

describe('a logout', () => {
  it('cuts what the login has open and leaves another login of the same operator', async () => {
    const { logins, request, operators, openConnection, clock } = await administration();
    const one = await logins.login(request());
    clock.advance(30_000);
    const two = await logins.login(request());
    const streams = [openConnection(one.fingerprint), openConnection(two.fingerprint)];
    const standing = await operators.standingOf(one.fingerprint);
    if (standing.kind !== 'login') throw new Error('the login is not good');
    expect(await logins.logout(standing.operator, '192.0.2.1')).toBe(1);
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, false]);
  });
});
