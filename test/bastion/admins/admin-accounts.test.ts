import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AdminAccounts } from '../../../bastion/admins/admin-accounts.ts';
import {
  WEB_SESSION_IDLE_MS,
  WEB_SESSION_LIFETIME_MS,
  WEB_SESSIONS_PER_ADMIN,
} from '../../../bastion/admins/web-sessions.ts';
import { BASTION_MIGRATIONS } from '../../../bastion/store/migrations.ts';
import { Database } from '../../../shared/store/database.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { totpCode } from '../../support/totp.ts';

const ADDRESS = '192.0.2.1';
const CODE_PERIOD_MS = 30_000;

async function setUp() {
  const path = join(temporaryDirectory(), 'bastion.db');
  const database = await Database.open(path, {
    migrations: BASTION_MIGRATIONS,
    synchronous: 'NORMAL',
  });
  onTestFinished(() => database.close());
  const clock = new FakeClock();
  const audit = new MemoryAudit();
  const admins = new AdminAccounts({
    database,
    audit,
    clock,
    bastionName: 'acme',
    publicUrl: () => 'https://localhost',
  });
  const carol = await admins.create({ username: 'carol', role: 'admin' });
  const code = () => totpCode(carol.totpSecret, clock.nowMs());
  return { database, clock, audit, admins, carol, code };
}

describe('an administrator account', () => {
  test('gets a password, a TOTP secret and its address, and is audited', async () => {
    const { admins, audit, carol } = await setUp();
    expect(carol.password).toMatch(/^([a-z2-9]{5}-){4}[a-z2-9]{5}$/);
    expect(carol.totpUri).toMatch(/^otpauth:\/\/totp\//);
    expect(carol.totpUri).toContain(`secret=${carol.totpSecret}`);
    expect(audit.ofType('user.added')[0]).toMatchObject({ username: 'carol', role: 'admin' });
    expect(await admins.list()).toEqual([{ username: 'carol', role: 'admin' }]);
  });

  test('is not made twice, with a bad name, a bad role or a short password', async () => {
    const { admins } = await setUp();
    const make = (username: string, password?: string) =>
      admins.create({ username, role: 'viewer', ...(password === undefined ? {} : { password }) });
    await expect(make('carol')).rejects.toMatchObject({ code: 'admin.exists' });
    await expect(make('Ca rol')).rejects.toMatchObject({ code: 'admin.invalid_name' });
    await expect(make('dave', 'short')).rejects.toMatchObject({ code: 'admin.invalid_password' });
  });

  test('keeps neither password nor token readable in the database', async () => {
    const { admins, carol, database } = await setUp();
    const { secret } = await admins.sessions.open('carol', ADDRESS);
    const token = await admins.createToken('admin:carol', 'ci', 'viewer');
    const rows = [
      ...(await database.all('SELECT * FROM admins')),
      ...(await database.all('SELECT name, hex(token_hash) FROM api_tokens')),
      ...(await database.all('SELECT username, hex(token_hash) FROM admin_sessions')),
    ];
    const stored = JSON.stringify(rows);
    for (const text of [carol.password, secret, token.secret]) expect(stored).not.toContain(text);
  });
});

describe('a sign-in', () => {
  test('needs name, password and code, and is audited', async () => {
    const { admins, audit, carol, code } = await setUp();
    await expect(admins.verify('carol', carol.password, code(), ADDRESS)).resolves.toEqual({
      username: 'carol',
      role: 'admin',
    });
    expect(audit.ofType('admin.signed_in')[0]).toMatchObject({ actor: 'admin:carol', source: ADDRESS });
  });

  test('is refused alike whatever is wrong, while the audit log tells which it was', async () => {
    const { admins, audit, carol, code } = await setUp();
    const tries: [string, string, string][] = [
      ['mallory', carol.password, code()],
      ['carol', 'not the password', code()],
      ['carol', carol.password, '000000'],
      ['carol', carol.password, 'abc'],
    ];
    const refusals = [];
    for (const [name, password, digits] of tries) {
      refusals.push(await admins.verify(name, password, digits, ADDRESS).catch((error: unknown) => error));
    }
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'login.refused' });
    expect(new Set(refusals.map(String)).size).toBe(1);
    expect(audit.ofType('admin.refused').map(({ reason }) => reason)).toEqual([
      'unknown_account',
      'wrong_password',
      'wrong_code',
      'wrong_code',
    ]);
  });

  test('does not write an unknown name into the log, since it may be a password', async () => {
    const { admins, audit, code } = await setUp();
    await expect(admins.verify('hunter2-secret', 'x', code(), ADDRESS)).rejects.toThrow();
    expect(JSON.stringify(audit.events)).not.toContain('hunter2');
  });

  test('spends its code: the same code is refused a second time', async () => {
    const { admins, audit, carol, code } = await setUp();
    await admins.verify('carol', carol.password, code(), ADDRESS);
    await expect(admins.verify('carol', carol.password, code(), ADDRESS)).rejects.toMatchObject({
      code: 'login.refused',
    });
    expect(audit.ofType('admin.refused')[0]?.['reason']).toBe('spent_code');
  });

  test('lets one of several in that use the same code at the same time', async () => {
    const { admins, carol, code } = await setUp();
    const tries = await Promise.allSettled(
      Array.from({ length: 5 }, () => admins.verify('carol', carol.password, code(), ADDRESS)),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('takes the code of the step before, but none that is older or of the future', async () => {
    const { admins, carol, clock } = await setUp();
    const codeAt = (offsetMs: number) => totpCode(carol.totpSecret, clock.nowMs() + offsetMs);
    const signIn = (code: string) => admins.verify('carol', carol.password, code, ADDRESS);
    await expect(signIn(codeAt(-2 * CODE_PERIOD_MS))).rejects.toMatchObject({ code: 'login.refused' });
    await expect(signIn(codeAt(CODE_PERIOD_MS))).rejects.toMatchObject({ code: 'login.refused' });
    await expect(signIn(codeAt(-CODE_PERIOD_MS))).resolves.toBeDefined();
  });

  test('is held off after too many failures, with one audit event for the flood, and comes back', async () => {
    const { admins, audit, carol, clock, code } = await setUp();
    for (let n = 0; n < 10; n++) {
      await expect(admins.verify('carol', 'wrong', '000000', ADDRESS)).rejects.toMatchObject({
        code: 'login.refused',
      });
    }
    for (let n = 0; n < 3; n++) {
      await expect(admins.verify('carol', carol.password, code(), ADDRESS)).rejects.toMatchObject({
        code: 'login.too_many_attempts',
      });
    }
    const floods = audit.ofType('admin.refused').filter(({ reason }) => reason === 'too_many_attempts');
    expect(floods).toHaveLength(1);
    clock.advance(60_000);
    await expect(admins.verify('carol', carol.password, code(), ADDRESS)).resolves.toBeDefined();
  }, 60_000);

  test('does not wait for an audit log that can not be written; it is entered later, with its true time', async () => {
    const { admins, audit, carol, code } = await setUp();
    audit.failing = true;
    await expect(admins.verify('carol', carol.password, code(), ADDRESS)).resolves.toMatchObject({
      username: 'carol',
    });
    await expect(admins.verify('carol', 'wrong', code(), ADDRESS)).rejects.toMatchObject({
      code: 'login.refused',
    });
    audit.failing = false;
    await admins.late.enterHeld();
    expect(audit.events.filter((event) => event['late'] === true)).toMatchObject([
      { type: 'admin.signed_in', actor: 'admin:carol', source: ADDRESS, at: expect.stringMatching(/Z$/) },
      { type: 'admin.refused', reason: 'wrong_password' },
    ]);
  });
});

describe('a web session', () => {
  test('stands for its administrator until it is idle for half an hour', async () => {
    const { admins, clock } = await setUp();
    const { secret } = await admins.sessions.open('carol', ADDRESS);
    clock.advance(WEB_SESSION_IDLE_MS - 1);
    expect(await admins.sessions.find(secret, true)).toMatchObject({ username: 'carol', role: 'admin' });
    clock.advance(WEB_SESSION_IDLE_MS - 1);
    expect(await admins.sessions.find(secret, false)).toBeDefined();
    clock.advance(1);
    expect(await admins.sessions.find(secret, false)).toBeUndefined();
  });

  test('ends after twelve hours however busy it is', async () => {
    const { admins, clock } = await setUp();
    const { secret } = await admins.sessions.open('carol', ADDRESS);
    for (let ms = 0; ms < WEB_SESSION_LIFETIME_MS - WEB_SESSION_IDLE_MS; ms += WEB_SESSION_IDLE_MS - 1) {
      clock.advance(WEB_SESSION_IDLE_MS - 1);
      expect(await admins.sessions.find(secret, true)).toBeDefined();
    }
    clock.advance(WEB_SESSION_IDLE_MS);
    expect(await admins.sessions.find(secret, true)).toBeUndefined();
  });

  test('can be revoked by its id, by its owner only', async () => {
    const { admins } = await setUp();
    const { secret } = await admins.sessions.open('carol', ADDRESS);
    const [session] = await admins.sessions.list('carol');
    const id = session?.id ?? '';
    expect(await admins.sessions.revoke('dave', id)).toBe(false);
    expect(await admins.sessions.revoke('carol', id)).toBe(true);
    expect(await admins.sessions.find(secret, false)).toBeUndefined();
  });

  test('makes the oldest one end when there are too many', async () => {
    const { admins, clock } = await setUp();
    const first = await admins.sessions.open('carol', ADDRESS);
    for (let n = 0; n < WEB_SESSIONS_PER_ADMIN; n++) {
      clock.advance(1);
      await admins.sessions.open('carol', ADDRESS);
    }
    expect(await admins.sessions.list('carol')).toHaveLength(WEB_SESSIONS_PER_ADMIN);
    expect(await admins.sessions.find(first.secret, false)).toBeUndefined();
  });
});

describe('an API token', () => {
  test('is found by its secret, remembers its use and dies when it is revoked', async () => {
    const { admins, audit } = await setUp();
    const { secret } = await admins.createToken('admin:carol', 'ci', 'viewer');
    expect(await admins.tokens.find(secret)).toEqual({ name: 'ci', role: 'viewer' });
    expect(await admins.tokens.find(`${secret}x`)).toBeUndefined();
    expect((await admins.tokens.list())[0]?.lastUsedAtMs).toBeTypeOf('number');
    await admins.revokeToken('admin:carol', 'ci');
    expect(await admins.tokens.find(secret)).toBeUndefined();
    expect(audit.types()).toEqual(expect.arrayContaining(['token.created', 'user.changed']));
  });

  test('has a name of its own', async () => {
    const { admins } = await setUp();
    await admins.createToken('admin:carol', 'ci', 'viewer');
    await expect(admins.createToken('admin:carol', 'ci', 'admin')).rejects.toMatchObject({
      code: 'api_token.exists',
    });
    await expect(admins.revokeToken('admin:carol', 'other')).rejects.toMatchObject({
      code: 'api_token.not_found',
    });
  });
});
