import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DrawbridgeError, messageOf, systemCodeOf } from '../errors.ts';

/** Below this much free space an I/O error of SQLite is put down to a full disk. */
const FULL_BELOW_BYTES = 1024 * 1024;

const FREE_SPACE_HINT = 'Free some space on the disk that holds it; what was stored before is safe.';

/** What SQLite's result code means for the one who uses the database at `path`. */
export function storeError(error: unknown, path: string): DrawbridgeError {
  if (error instanceof DrawbridgeError) return error;
  const code = systemCodeOf(error) ?? '';
  switch (code) {
    case 'SQLITE_FULL':
    case 'ENOSPC':
      return diskFull(path, error);
    case 'SQLITE_IOERR':
      return isDiskFull(path) ? diskFull(path, error) : failed(path, 'the disk reports an error', error);
    case 'SQLITE_NOTADB':
    case 'SQLITE_CORRUPT':
      return new DrawbridgeError(
        'store.unreadable',
        `${path} is damaged or is not a database of Drawbridge.`,
        {
          hint: 'Move the file away and restore it from a backup.',
          cause: error,
        },
      );
    case 'SQLITE_CANTOPEN':
    case 'SQLITE_PERM':
    case 'EACCES':
    case 'EPERM':
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EISDIR':
    case 'EEXIST':
      return new DrawbridgeError('store.unreadable', `Could not open ${path} (${code}).`, {
        hint: 'Check that the directory exists and belongs to the account that Drawbridge runs as.',
        cause: error,
      });
    case 'SQLITE_READONLY':
    case 'EROFS':
      return new DrawbridgeError('store.read_only', `${path} can't be written to.`, {
        hint: 'Check the rights of the file and that its file system is not mounted read-only.',
        cause: error,
      });
    case 'SQLITE_BUSY':
    case 'SQLITE_LOCKED':
      return new DrawbridgeError('store.locked', `Another process is writing to ${path}.`, { cause: error });
    case 'SQLITE_CONSTRAINT':
      return new DrawbridgeError('store.conflict', `${path} holds something that contradicts this already.`, {
        cause: error,
      });
    default:
      return failed(path, messageOf(error), error);
  }
}

function diskFull(path: string, cause: unknown): DrawbridgeError {
  return new DrawbridgeError('store.disk_full', `The disk that holds ${path} is full.`, {
    hint: FREE_SPACE_HINT,
    cause,
  });
}

function failed(path: string, why: string, cause: unknown): DrawbridgeError {
  return new DrawbridgeError('store.failed', `The database ${path} failed: ${why}.`, { cause });
}

function isDiskFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < FULL_BELOW_BYTES;
  } catch {
    return false;
  }
}
