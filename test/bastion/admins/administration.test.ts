import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AdminAccounts } from '../../../bastion/admins/admin-accounts.ts';
import { SETUP_LINK_LIFETIME_MS } from '../../../bastion/admins/administration.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { totpCode } from '../../support/totp.ts';

const ADDRESS = '192.0.2.1';
const PASSWORD = 'correct horse battery';

async function setUp() {
  const path = join(temporaryDirectory(), 'bastion.db');
  const database = await Database.open(path, { migrations: BASTION_MIGRATIONS, synchronous: 'NORMAL' });
  onTestFinished(() => database.close());
  const clock = new FakeClock();
  const audit = new MemoryAudit();
  const publicUrl = () => 'https://bastion.acme.example';
  const admins = new AdminAccounts({ database, audit, clock, bastionName: 'acme', publicUrl });
  const { administration } = admins;
  const secretOf = (link: { url: string }) => new URL(link.url).hash.slice(1);
  const codeFor = async (secret: string) =>
    totpCode((await administration.open(secret)).totpSecret, clock.nowMs());
  return { database, clock, audit, admins, administration, secretOf, codeFor };
}

describe('a set-up link', () => {
  test('lets its holder choose a password and authenticator, once, and signs in with them', async () => {
    const { admins, administration, secretOf, codeFor, clock, audit } = await setUp();
    const link = await administration.add('admin:root', 'carol', 'approver');
    expect(link.url).toMatch(/^https:\/\/bastion\.acme\.example\/set-up#[\w-]{43}$/);
    const secret = secretOf(link);
    expect(await administration.open(secret)).toMatchObject({ username: 'carol', role: 'approver' });
    const { totpSecret } = await administration.open(secret);
    expect(await administration.complete(secret, PASSWORD, await codeFor(secret), ADDRESS)).toEqual({
      username: 'carol',
      role: 'approver',
    });
    const refused = { code: 'setup.refused' };
    await expect(administration.open(secret)).rejects.toMatchObject(refused);
    await expect(administration.complete(secret, PASSWORD, '000000', ADDRESS)).rejects.toMatchObject(refused);
    clock.advance(30_000);
    const code = totpCode(totpSecret, clock.nowMs());
    expect(await admins.verify('carol', PASSWORD, code, ADDRESS)).toMatchObject({ role: 'approver' });
    expect(audit.ofType('user.changed').map(({ change }) => change)).toEqual(['set_up']);
    expect(JSON.stringify(audit.events)).not.toContain(secret);
  });

  test('spends the code that showed that the authenticator works', async () => {
    const { admins, administration, secretOf, codeFor } = await setUp();
    const secret = secretOf(await administration.add('admin:root', 'carol', 'admin'));
    const code = await codeFor(secret);
    await administration.complete(secret, PASSWORD, code, ADDRESS);
    await expect(admins.verify('carol', PASSWORD, code, ADDRESS)).rejects.toMatchObject({
      code: 'login.refused',
    });
  });

  test('is not spent by a wrong code or a short password', async () => {
    const { administration, secretOf, codeFor } = await setUp();
    const secret = secretOf(await administration.add('admin:root', 'carol', 'admin'));
    await expect(administration.complete(secret, PASSWORD, '000000', ADDRESS)).rejects.toMatchObject({
      code: 'setup.wrong_code',
    });
    await expect(
      administration.complete(secret, 'short', await codeFor(secret), ADDRESS),
    ).rejects.toMatchObject({
      code: 'admin.invalid_password',
    });
    await administration.complete(secret, PASSWORD, await codeFor(secret), ADDRESS);
  });

  test('is good for a day, and no more once there is a newer one', async () => {
    const { administration, secretOf, clock } = await setUp();
    const first = secretOf(await administration.add('admin:root', 'carol', 'admin'));
    const second = secretOf(await administration.link('admin:root', 'carol'));
    await expect(administration.open(first)).rejects.toMatchObject({ code: 'setup.refused' });
    clock.advance(SETUP_LINK_LIFETIME_MS - 1);
    await administration.open(second);
    clock.advance(1);
    await expect(administration.open(second)).rejects.toMatchObject({ code: 'setup.refused' });
  });

  test('changes nothing before it is used, and then ends all that was before', async () => {
    const { admins, administration, secretOf, codeFor, clock } = await setUp();
    const old = await admins.create({ username: 'carol', role: 'admin' });
    const { secret: cookie } = await admins.sessions.open('carol', ADDRESS);
    const secret = secretOf(await administration.link('local:root', 'carol'));
    await admins.verify('carol', old.password, totpCode(old.totpSecret, clock.nowMs()), ADDRESS);
    expect(await admins.sessions.find(cookie, false)).toBeDefined();
    await administration.complete(secret, PASSWORD, await codeFor(secret), ADDRESS);
    expect(await admins.sessions.find(cookie, false)).toBeUndefined();
    clock.advance(60_000);
    const oldCode = totpCode(old.totpSecret, clock.nowMs());
    await expect(admins.verify('carol', old.password, oldCode, ADDRESS)).rejects.toMatchObject({
      code: 'login.refused',
    });
  });

  test('is kept as a hash, and made for nobody who is not there', async () => {
    const { administration, database, secretOf } = await setUp();
    const secret = secretOf(await administration.add('admin:root', 'carol', 'admin'));
    const rows = await database.all<{ row: string }>(
      'SELECT username || hex(secret_hash) AS row FROM admin_setup_links',
    );
    expect(JSON.stringify(rows)).not.toContain(secret);
    await expect(administration.link('admin:root', 'nobody')).rejects.toMatchObject({
      code: 'admin.not_found',
    });
    await expect(administration.add('admin:root', 'carol', 'admin')).rejects.toMatchObject({
      code: 'admin.exists',
    });
    await expect(administration.add('admin:root', '<b>', 'admin')).rejects.toMatchObject({
      code: 'admin.invalid_name',
    });
  });
});

describe('administrators', () => {
  test('are listed with their role, keys and sign-ins', async () => {
    const { admins, administration } = await setUp();
    await admins.create({ username: 'root', role: 'admin' });
    await admins.sessions.open('root', ADDRESS);
    await administration.add('admin:root', 'carol', 'viewer');
    expect(await administration.list()).toMatchObject([
      { username: 'carol', role: 'viewer', securityKeys: 0, signIns: 0, setupUntilMs: expect.any(Number) },
      { username: 'root', role: 'admin', securityKeys: 0, signIns: 1 },
    ]);
  });

  test('get another role at once; the last one with the role admin keeps it and stays', async () => {
    const { admins, administration } = await setUp();
    await admins.create({ username: 'root', role: 'admin' });
    await administration.add('admin:root', 'carol', 'viewer');
    const { secret } = await admins.sessions.open('carol', ADDRESS);
    const last = { code: 'admin.last' };
    await expect(administration.setRole('admin:root', 'root', 'viewer')).rejects.toMatchObject(last);
    await expect(administration.remove('admin:root', 'root')).rejects.toMatchObject(last);
    await administration.setRole('admin:root', 'carol', 'admin');
    expect(await admins.sessions.find(secret, false)).toMatchObject({ role: 'admin' });
    const both = await Promise.allSettled([
      administration.remove('admin:carol', 'root'),
      administration.remove('admin:root', 'carol'),
    ]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await administration.list()).toHaveLength(1);
  });

  test('are removed with their sign-ins, keys and links', async () => {
    const { admins, administration, secretOf } = await setUp();
    await admins.create({ username: 'root', role: 'admin' });
    const link = secretOf(await administration.add('admin:root', 'carol', 'admin'));
    const { secret } = await admins.sessions.open('carol', ADDRESS);
    await administration.remove('admin:root', 'carol');
    expect(await admins.sessions.find(secret, false)).toBeUndefined();
    await expect(administration.open(link)).rejects.toMatchObject({ code: 'setup.refused' });
    await expect(administration.remove('admin:root', 'carol')).rejects.toMatchObject({
      code: 'admin.not_found',
    });
  });

  test('an API token that is revoked takes those with it that were made with it, and makes no more', async () => {
    const { admins, audit } = await setUp();
    await admins.createToken('admin:root', 'leaked', 'admin');
    await admins.createToken('token:leaked', 'hidden', 'approver');
    await admins.createToken('token:hidden', 'deeper', 'viewer');
    await admins.createToken('admin:root', 'other', 'admin');
    await admins.revokeToken('admin:root', 'leaked');
    expect((await admins.tokens.list()).map(({ name }) => name)).toEqual(['other']);
    expect(audit.ofType('user.changed').at(-1)).toMatchObject({
      change: 'revoked',
      name: 'leaked',
      apiTokens: ['hidden', 'deeper'],
    });
    await expect(admins.createToken('token:leaked', 'late', 'admin')).rejects.toMatchObject({
      code: 'api_token.not_found',
    });
  });

  test('take the API tokens with them that they have made, by whatever chain, and leave those of others', async () => {
    const { admins, administration, audit } = await setUp();
    await admins.create({ username: 'root', role: 'admin' });
    await administration.add('admin:root', 'carol', 'admin');
    const made = {
      own: await admins.createToken('admin:carol', 'own', 'admin'),
      next: await admins.createToken('token:own', 'next', 'viewer'),
      last: await admins.createToken('token:next', 'last', 'admin'),
      other: await admins.createToken('admin:root', 'other', 'admin'),
      directory: await admins.createToken('admin:corp/carol', 'directory', 'admin'),
    };
    const valid = async () => {
      const found = await Promise.all(Object.values(made).map(({ secret }) => admins.tokens.find(secret)));
      return found.flatMap((token) => token?.name ?? []);
    };
    await administration.setRole('admin:root', 'carol', 'viewer');
    // Also the viewer's token, which was made with one that is gone: nobody would know any more whose it is.
    expect(await valid()).toEqual(['other', 'directory']);
    expect(audit.ofType('user.changed').at(-1)).toMatchObject({
      change: 'role',
      apiTokens: ['own', 'next', 'last'],
    });
    await admins.createToken('admin:carol', 'own', 'viewer');
    await administration.remove('admin:root', 'carol');
    expect(await valid()).toEqual(['other', 'directory']);
    expect((await admins.tokens.list()).map(({ name }) => name)).toEqual(['directory', 'other']);
    expect(audit.ofType('user.changed').at(-1)).toMatchObject({
      change: 'removed',
      apiTokens: ['own'],
    });
  });
});
