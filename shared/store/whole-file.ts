import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCodeOf } from '../errors.ts';

/** Only its owner may read it, unless the caller says otherwise. */
const PRIVATE = 0o600;

const NAME_BYTES = 6;
/** No write takes so long: an older temporary file is one that a process did not live to rename or remove. */
const ABANDONED_AFTER_MS = 60_000;
const TEMPORARY = new RegExp(`^[0-9a-f]{${NAME_BYTES * 2}}\\.new$`);

/**
 * Writes a file so that it appears whole or not at all, whatever crashes, and is on the disk when this resolves. What
 * was there before is replaced in one step, and keeps its owner when root replaces it: the role that it belongs to runs
 * as another account. What a killed process left half written beside it is removed: it may hold a key.
 */
export async function writeWholeFile(path: string, text: string, mode = PRIVATE): Promise<void> {
  const temporary = `${path}.${randomBytes(NAME_BYTES).toString('hex')}.new`;
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
  await removeAbandoned(path);
  await syncFolder(dirname(path));
}

/** Best effort: the file itself is written, whatever becomes of what lies beside it. */
async function removeAbandoned(path: string): Promise<void> {
  const folder = dirname(path);
  const before = `${basename(path)}.`;
  const isTemporary = (name: string): boolean =>
    name.startsWith(before) && TEMPORARY.test(name.slice(before.length));
  try {
    for (const name of (await readdir(folder)).filter(isTemporary)) {
      const { mtimeMs } = await lstat(join(folder, name));
      if (Date.now() - mtimeMs > ABANDONED_AFTER_MS) await rm(join(folder, name), { force: true });
    }
  } catch {
    // Another writer removed it first, or this account may not look: the next write tries again.
  }
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
