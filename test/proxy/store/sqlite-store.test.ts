import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../../proxy/store/sqlite-store.ts';
import type { EnrolledBastion, Login, StoredJoinToken } from '../../../proxy/store/store.ts';
import { openTestStore, testAccount } from '../../support/proxy-store.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const JWK = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' } as const;

function login(fields: Partial<Login> = {}): Login {
  return {
    fingerprint: 'SHA256:login',
    username: 'alice',
    publicLine: 'ssh-ed25519 AAAA',
    amr: ['pwd', 'otp', 'mfa'],
    authTimeMs: 1_000,
    expiresAtMs: 2_000,
    ...fields,
  };
}

function bastion(fields: Partial<EnrolledBastion> = {}): EnrolledBastion {
  return {
    id: 'b-one',
    name: 'acme',
    publicJwk: JWK,
    sshHostKey: 'ssh-ed25519 AAAA',
    fields: { version: '1.0.0' },
    enrolledAtMs: 5,
    ...fields,
  };
}

function token(fields: Partial<StoredJoinToken> = {}): StoredJoinToken {
  return { kid: 'kid', publicJwk: JWK, name: 'acme', expiresAtMs: 10, ...fields };
}

describe("the proxy's store", () => {
  it('keeps accounts, keys and logins across a restart', async () => {
    const dataDir = temporaryDirectory();
    const first = await openSqliteStore(dataDir);
    await first.accounts.addAccount(testAccount());
    await first.accounts.addKey({
      fingerprint: 'SHA256:key',
      username: 'alice',
      publicLine: 'l',
      addedAtMs: 3,
    });
    await first.logins.addLogin(login(), 0);
    await first.close();

    const second = await openTestStore(dataDir);
    expect(await second.accounts.findAccount('alice')).toEqual(testAccount());
    expect(await second.accounts.findKey('SHA256:key')).toMatchObject({ username: 'alice', addedAtMs: 3 });
    expect(await second.logins.findLogin('SHA256:login')).toEqual(login());
  });

  it('lets nobody but its own account read the database', async () => {
    const dataDir = temporaryDirectory();
    await openTestStore(dataDir);
    expect(statSync(join(dataDir, 'proxy.db')).mode & 0o077).toBe(0);
  });

  it('refuses a second account of the same name and a key that somebody has', async () => {
    const { accounts } = await openTestStore();
    await accounts.addAccount(testAccount());
    await accounts.addAccount(testAccount({ username: 'bob' }));
    await expect(accounts.addAccount(testAccount())).rejects.toMatchObject({ code: 'user.exists' });
    const key = { fingerprint: 'SHA256:key', username: 'alice', publicLine: 'l', addedAtMs: 3 };
    await accounts.addKey(key);
    await expect(accounts.addKey({ ...key, username: 'bob' })).rejects.toMatchObject({ code: 'key.exists' });
    expect((await accounts.listKeys('bob')).length).toBe(0);
  });

  it('lets one of many spend a time step, and none spend an older one', async () => {
    const { accounts } = await openTestStore();
    await accounts.addAccount(testAccount());
    const all = await Promise.all(Array.from({ length: 20 }, () => accounts.spendTimeStep('alice', 100)));
    expect(all.filter(Boolean).length).toBe(1);
    expect(await accounts.spendTimeStep('alice', 99)).toBe(false);
    expect(await accounts.spendTimeStep('alice', 101)).toBe(true);
    expect(await accounts.spendTimeStep('nobody', 101)).toBe(false);
  });

  it('ends the logins of an account that is disabled, and of that one alone', async () => {
    const { accounts, logins } = await openTestStore();
    await accounts.addAccount(testAccount());
    await accounts.addAccount(testAccount({ username: 'bob' }));
    await logins.addLogin(login(), 0);
    await logins.addLogin(login({ fingerprint: 'SHA256:bob', username: 'bob' }), 0);
    expect(await accounts.disableAccount('alice', 1_500)).toBe(true);
    expect((await accounts.findAccount('alice'))?.disabled).toBe(true);
    expect((await logins.findLogin('SHA256:login'))?.endedAtMs).toBe(1_500);
    expect((await logins.findLogin('SHA256:bob'))?.endedAtMs).toBeUndefined();
    expect(await accounts.disableAccount('nobody', 1)).toBe(false);
  });

  it('makes codes of a replaced secret spendable again from the first one', async () => {
    const { accounts } = await openTestStore();
    await accounts.addAccount(testAccount());
    await accounts.spendTimeStep('alice', 100);
    await accounts.replaceTotpSecret('alice', 'NEWSECRETNEWSECRETNEWSECRETNEWSE', 1);
    expect((await accounts.findAccount('alice'))?.totpSecret).toBe('NEWSECRETNEWSECRETNEWSECRETNEWSE');
    expect(await accounts.spendTimeStep('alice', 100)).toBe(true);
  });

  it('forgets logins that expired before a moment', async () => {
    const { accounts, logins } = await openTestStore();
    await accounts.addAccount(testAccount());
    await logins.addLogin(login(), 0);
    await logins.addLogin(login({ fingerprint: 'SHA256:later', expiresAtMs: 9_000 }), 0);
    expect(await logins.forgetLogins(3_000)).toBe(1);
    expect(await logins.findLogin('SHA256:login')).toBeUndefined();
    expect(await logins.findLogin('SHA256:later')).toBeDefined();
  });

  it('refuses a login with a key that had one before', async () => {
    const { accounts, logins } = await openTestStore();
    await accounts.addAccount(testAccount());
    await logins.addLogin(login(), 0);
    await expect(logins.addLogin(login(), 0)).rejects.toMatchObject({ code: 'key.exists' });
  });

  it('enrols one of two bastions that come with the same token at the same time', async () => {
    const { enrolments } = await openTestStore();
    await enrolments.addJoinToken(token());
    const outcomes = await Promise.all([
      enrolments.enrol('kid', bastion()),
      enrolments.enrol('kid', bastion({ id: 'b-two', name: 'other' })),
    ]);
    expect([...outcomes].sort()).toEqual(['enrolled', 'spent']);
    expect((await enrolments.listBastions()).length).toBe(1);
    expect((await enrolments.findJoinToken('kid'))?.spentAtMs).toBe(5);
  });

  it('does not spend a token when the name or the id is taken', async () => {
    const { enrolments } = await openTestStore();
    await enrolments.addJoinToken(token());
    await enrolments.addJoinToken(token({ kid: 'kid2' }));
    expect(await enrolments.enrol('kid', bastion())).toBe('enrolled');
    expect(await enrolments.enrol('kid2', bastion({ id: 'b-two' }))).toBe('name_taken');
    expect(await enrolments.enrol('kid2', bastion({ name: 'other' }))).toBe('id_taken');
    expect((await enrolments.findJoinToken('kid2'))?.spentAtMs).toBeUndefined();
  });

  it('frees the name of a revoked bastion, and lets it come back with a new token', async () => {
    const { enrolments } = await openTestStore();
    await enrolments.addJoinToken(token());
    await enrolments.addJoinToken(token({ kid: 'kid2' }));
    await enrolments.enrol('kid', bastion());
    expect(await enrolments.revokeBastion('b-one', 50)).toBe(true);
    expect(await enrolments.revokeBastion('b-one', 60)).toBe(false);
    expect(await enrolments.findBastionByName('acme')).toBeUndefined();
    expect((await enrolments.findBastion('b-one'))?.revokedAtMs).toBe(50);
    expect(await enrolments.enrol('kid2', bastion())).toBe('enrolled');
    expect((await enrolments.findBastion('b-one'))?.revokedAtMs).toBeUndefined();
  });
});
