import { describe, expect, it } from 'vitest';
import { proxyAccounts } from '../../support/proxy-accounts.ts';

const REFUSED = { code: 'login.refused', message: 'User name, password or code is wrong.' };

describe('strangers without any factor', () => {
  it('cannot keep the holder of a registered key out by failing with the name from many addresses', async () => {
    const accounts = await proxyAccounts();
    for (let number = 0; number < 25; number++) {
      const wrong = accounts.request({ password: 'wrong', source: `192.0.2.${number}` });
      await accounts.logins.login(wrong).catch(() => undefined);
    }
    const attempt = { username: 'alice', code: accounts.code(), address: '203.0.113.9' };
    await expect(accounts.signIn.withCode(attempt)).resolves.toMatchObject({ ok: true });
  });
});

describe('a login', () => {
  it('makes a key good for eight hours, and says in the audit log how it was got', async () => {
    const accounts = await proxyAccounts();
    const login = await accounts.logins.login(accounts.request());
    expect(login).toMatchObject({ username: 'alice', amr: ['pwd', 'otp', 'mfa'] });
    expect(login.expiresAtMs - accounts.clock.nowMs()).toBe(8 * 3_600_000);
    expect(await accounts.operators.standingOf(login.fingerprint)).toMatchObject({ kind: 'login' });
    expect(accounts.audit.ofType('operator.signed_in')).toMatchObject([
      { operator: 'alice', fingerprint: login.fingerprint, source: '192.0.2.1', by: 'login' },
    ]);
  });

  it('never lasts longer than eight hours, whatever is configured', async () => {
    const accounts = await proxyAccounts({ lifetimeMs: 10 ** 9 });
    const login = await accounts.logins.login(accounts.request());
    expect(login.expiresAtMs - accounts.clock.nowMs()).toBe(8 * 3_600_000);
  });

  it('is refused alike for a wrong password, a wrong code and an unknown user, and audited with the reason', async () => {
    const accounts = await proxyAccounts();
    const wrong = [
      accounts.request({ password: 'wrong' }),
      accounts.request({ code: '000000' }),
      accounts.request({ username: 'nobody' }),
    ];
    for (const request of wrong) await expect(accounts.logins.login(request)).rejects.toMatchObject(REFUSED);
    expect(accounts.audit.ofType('operator.refused').map(({ reason }) => reason)).toEqual([
      'wrong_password',
      'wrong_code',
      'unknown_user',
    ]);
    expect(JSON.stringify(accounts.audit.events)).not.toMatch(/correct horse|000000/);
  });

  it('does not spend the code when the password is wrong', async () => {
    const accounts = await proxyAccounts();
    await expect(accounts.logins.login(accounts.request({ password: 'wrong' }))).rejects.toMatchObject(
      REFUSED,
    );
    await expect(accounts.logins.login(accounts.request())).resolves.toMatchObject({ username: 'alice' });
  });

  it('takes each code once', async () => {
    const accounts = await proxyAccounts();
    await accounts.logins.login(accounts.request());
    await expect(accounts.logins.login(accounts.request())).rejects.toMatchObject(REFUSED);
    expect(accounts.audit.ofType('operator.refused')).toMatchObject([{ reason: 'spent_code' }]);
  });

  it('is refused to a disabled account even with the right factors', async () => {
    const accounts = await proxyAccounts();
    await accounts.store.accounts.disableAccount('alice', accounts.clock.nowMs());
    await expect(accounts.logins.login(accounts.request())).rejects.toMatchObject(REFUSED);
    expect(accounts.audit.ofType('operator.refused')).toMatchObject([{ reason: 'disabled' }]);
  });

  it('says how long to wait after too many tries, and works again then', async () => {
    const accounts = await proxyAccounts();
    for (let round = 0; round < 5; round++) {
      await expect(accounts.logins.login(accounts.request({ code: '000000' }))).rejects.toMatchObject(
        REFUSED,
      );
    }
    const limited = accounts.logins.login(accounts.request());
    await expect(limited).rejects.toMatchObject({ code: 'login.limited', hint: 'Try again in 30 seconds.' });
    accounts.clock.advance(30_000);
    await expect(accounts.logins.login(accounts.request())).resolves.toMatchObject({ username: 'alice' });
  });

  it('is not made when the audit log cannot be written', async () => {
    const accounts = await proxyAccounts();
    accounts.audit.failing = true;
    const request = accounts.request();
    await expect(accounts.logins.login(request)).rejects.toMatchObject({ code: 'audit.unavailable' });
    expect(await accounts.store.logins.forgetLogins(Number.MAX_SAFE_INTEGER)).toBe(0);
  });

  it('takes a fresh key each time, and Ed25519 only', async () => {
    const accounts = await proxyAccounts();
    const request = accounts.request();
    await accounts.logins.login(request);
    accounts.clock.advance(30_000);
    const again = accounts.logins.login(accounts.request({ publicKey: request.publicKey }));
    await expect(again).rejects.toMatchObject({ code: 'key.exists' });
    const broken = accounts.logins.login(accounts.request({ publicKey: 'ssh-ed25519 AAAA' }));
    await expect(broken).rejects.toMatchObject({ code: 'ssh.invalid_key' });
    const other = accounts.request({
      publicKey:
        'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOgaBHUQgyiDF22OrAp3fSGTczQ92E9vOpMjXCIvpfaUXOPMKoctlnzaDwTCzGYaV6F4KXbLXs4HtgQNz8Pewz0=',
    });
    await expect(accounts.logins.login(other)).rejects.toMatchObject({
      code: expect.stringMatching(/^(login\.key_type|ssh\.invalid_key)$/),
    });
  });
});

describe('a login that is over', () => {
  it('is known as expired to its holder', async () => {
    const accounts = await proxyAccounts();
    const login = await accounts.logins.login(accounts.request());
    accounts.clock.advance(8 * 3_600_000);
    const standing = await accounts.operators.standingOf(login.fingerprint);
    expect(standing).toMatchObject({ kind: 'ended', username: 'alice', why: 'expired' });
  });

  it('opens nothing more on connections that are still there', async () => {
    const accounts = await proxyAccounts();
    const login = await accounts.logins.login(accounts.request());
    const standing = await accounts.operators.standingOf(login.fingerprint);
    if (standing.kind !== 'login') throw new Error('the login is not good');
    expect(await accounts.operators.rightsOf(standing.operator)).toEqual({ groups: ['support'] });
    accounts.clock.advance(8 * 3_600_000);
    const ended = { code: 'operator.login_ended' };
    await expect(accounts.operators.rightsOf(standing.operator)).rejects.toMatchObject(ended);
  });

  it('was ended by a logout, which is audited', async () => {
    const accounts = await proxyAccounts();
    const login = await accounts.logins.login(accounts.request());
    const standing = await accounts.operators.standingOf(login.fingerprint);
    if (standing.kind !== 'login') throw new Error('the login is not good');
    await accounts.logins.logout(standing.operator, '192.0.2.1');
    expect(await accounts.operators.standingOf(login.fingerprint)).toMatchObject({ why: 'logged_out' });
    expect(accounts.audit.types()).toEqual(['operator.signed_in', 'operator.signed_out']);
  });
});

describe('a registered key with a code', () => {
  it('opens nothing more eight hours after the code', async () => {
    const accounts = await proxyAccounts();
    const key = { fingerprint: 'SHA256:key', username: 'alice', publicLine: 'l', addedAtMs: 1 };
    await accounts.store.accounts.addKey(key);
    const operator = {
      username: 'alice',
      fingerprint: 'SHA256:key',
      amr: ['swk', 'otp', 'mfa'],
      authTimeMs: accounts.clock.nowMs(),
      expiresAtMs: accounts.operators.expiryOf(accounts.clock.nowMs()),
      by: 'code',
      epoch: 0,
    } as const;
    expect(await accounts.operators.rightsOf(operator)).toEqual({ groups: ['support'] });
    accounts.clock.advance(8 * 3_600_000);
    const ended = { code: 'operator.login_ended' };
    await expect(accounts.operators.rightsOf(operator)).rejects.toMatchObject(ended);
  });

  it('is no login: a key that was never registered stays unknown', async () => {
    const accounts = await proxyAccounts();
    expect(await accounts.operators.standingOf('SHA256:nobody')).toEqual({ kind: 'unknown' });
  });
});
