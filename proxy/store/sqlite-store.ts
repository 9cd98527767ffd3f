import { join } from 'node:path';
import { Database } from '../../shared/store/database.ts';
import { PROXY_MIGRATIONS } from './migrations.ts';
import { SqliteAccounts } from './sqlite-accounts.ts';
import { SqliteDevices } from './sqlite-devices.ts';
import { SqliteEnrolments } from './sqlite-enrolments.ts';
import { SqliteFactors } from './sqlite-factors.ts';
import { SqliteIdentities } from './sqlite-identities.ts';
import { SqliteLogins } from './sqlite-logins.ts';
import type { Store } from './store.ts';

/**
 * Opens `proxy.db` in the data directory, and makes it when it is not there.
 * @throws `store.newer`, `store.unreadable`, `store.disk_full`.
 */
export async function openSqliteStore(dataDir: string): Promise<Store> {
  // FULL: a spent code or token must stay spent after a power failure.
  const db = await Database.open(join(dataDir, 'proxy.db'), {
    migrations: PROXY_MIGRATIONS,
    synchronous: 'FULL',
  });
  return {
    accounts: new SqliteAccounts(db),
    logins: new SqliteLogins(db),
    factors: new SqliteFactors(db),
    devices: new SqliteDevices(db),
    identities: new SqliteIdentities(db),
    enrolments: new SqliteEnrolments(db),
    close: () => db.close(),
  };
}
