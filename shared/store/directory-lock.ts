import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DrawbridgeError, isDrawbridgeError } from '../errors.ts';
import { lockFile } from './database.ts';
import { storeError } from './store-error.ts';

/**
 * Makes this process the only one that uses `dataDir` (made, 0700, if it is missing). The lock ends with
 * `release` or with the process, however that ends.
 * @throws `store.locked`
 */
export async function lockDirectory(dataDir: string): Promise<{ release(): Promise<void> }> {
  const path = join(dataDir, 'lock.db');
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    return await lockFile(path);
  } catch (error) {
    if (!isDrawbridgeError(error, 'store.locked')) throw storeError(error, path);
    throw new DrawbridgeError('store.locked', `Another Drawbridge process has ${dataDir} open.`, {
      hint: 'Stop it first, or give this one a directory of its own.',
      cause: error,
    });
  }
}
