import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCodeOf } from '../errors.ts';

/** Only its owner may read it, unless the caller says otherwise. */
const PRIVATE = 0o600;

/**
 * Writes a file so that it appears whole or not at all, whatever crashes, and is on the disk when this resolves. What
 * was there before is replaced in one step, and keeps its owner when root replaces it: the role that it belongs to runs
 * as another account.
 */
export async function writeWholeFile(path: string, text: string, mode = PRIVATE): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`;
  try {
    const file = await open(temporary, 'wx', mode);
    try {
      await keepOwner(path, file);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(dirname(path));
}

async function keepOwner(path: string, file: FileHandle): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  try {
    const { uid, gid } = await lstat(path);
    await file.chown(uid, gid);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  }
}

/** A rename is on the disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
