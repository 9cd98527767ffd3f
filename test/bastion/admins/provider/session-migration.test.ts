import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hashBearerSecret } from '../../../../bastion/admins/bearer-secret.ts';
import { PROVIDED_SESSION_MIGRATION } from '../../../../bastion/admins/provider/session-migration.ts';
import { WebSessions } from '../../../../bastion/admins/web-sessions.ts';
import { BASTION_MIGRATIONS } from '../../../../bastion/store/migrations.ts';
import { systemClock } from '../../../../shared/clock.ts';
import { Database } from '../../../../shared/store/database.ts';
import { temporaryDirectory } from '../../../support/temporary-directory.ts';

test('sign-ins of before the upgrade go on, and still go with their account', async () => {
  const path = join(temporaryDirectory(), 'bastion.db');
  const before = BASTION_MIGRATIONS.slice(0, BASTION_MIGRATIONS.indexOf(PROVIDED_SESSION_MIGRATION));
  const old = await Database.open(path, { migrations: before, synchronous: 'NORMAL' });
  await old.run(
    `INSERT INTO admins (username, role, password_hash, totp_secret, created_at) VALUES ('carol', 'viewer', '', '', 0)`,
    [],
  );
  const nowMs = systemClock.nowMs();
  await old.run(
    `INSERT INTO admin_sessions (token_hash, username, address, created_at, last_seen_at, expires_at)
     VALUES (?, 'carol', '192.0.2.7', ?, ?, ?)`,
    [hashBearerSecret('secret'), nowMs, nowMs, nowMs + 3_600_000],
  );
  await old.close();

  const database = await Database.open(path, { migrations: BASTION_MIGRATIONS, synchronous: 'NORMAL' });
  const sessions = new WebSessions(database, systemClock);
  expect(await sessions.find('secret', false)).toMatchObject({ username: 'carol', provided: false });
  await database.run(`DELETE FROM admins WHERE username = 'carol'`, []);
  expect(await sessions.find('secret', false)).toBeUndefined();
  expect(await database.all('SELECT * FROM admin_sessions', [])).toEqual([]);
  await database.close();
});
