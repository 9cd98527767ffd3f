import { access, constants } from 'node:fs/promises';
import type { Account } from './account.ts';

/** Where a session starts: the account's home, or the root folder when there is none that can be entered. */
export async function startFolder(account: Account, become: boolean): Promise<string> {
  try {
    // As root everything can be entered; whether the account can is then for its shell to say.
    await access(account.home, become ? constants.F_OK : constants.X_OK);
    return account.home;
  } catch {
    return '/';
  }
}
