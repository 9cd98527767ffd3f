import { onTestFinished } from 'vitest';
import type { Account } from '../../proxy/store/account.ts';
import { openSqliteStore } from '../../proxy/store/sqlite-store.ts';
import type { Store } from '../../proxy/store/store.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A proxy's store in a temporary directory, closed when the test has finished. */
export async function openTestStore(dataDir = temporaryDirectory()): Promise<Store> {
  const store = await openSqliteStore(dataDir);
  onTestFinished(() => store.close());
  return store;
}

/** An account with nothing special about it. */
export function testAccount(fields: Partial<Account> = {}): Account {
  return {
    username: 'alice',
    groups: ['support'],
    passwordHash: 'none',
    totpSecret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP',
    disabled: false,
    createdAtMs: 1,
    epoch: 0,
    ...fields,
  };
}
