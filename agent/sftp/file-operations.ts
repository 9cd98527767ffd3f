import { constants, type Stats } from 'node:fs';
import {
  chmod,
  chown,
  type FileHandle,
  lchown,
  link,
  lstat,
  lutimes,
  open,
  rename,
  truncate,
  unlink,
  utimes,
} from 'node:fs/promises';
import { systemCodeOf } from '../../shared/errors.ts';
import type { SetAttributes } from './attributes.ts';
import { SftpFailure } from './failure.ts';
import { MAX_DATA_BYTES, OPEN_FLAG, STATUS } from './protocol.ts';

/** Mode of new files and folders before the umask, unless the client says otherwise. */
export const DEFAULT_FILE_MODE = 0o666;
export const DEFAULT_FOLDER_MODE = 0o777;

/** Piece in which `copy-data` copies. */
const COPY_BYTES = 1024 * 1024;

/** Opens a file by the flags of an OPEN. */
export function openFile(path: Buffer, flags: number, attributes: SetAttributes): Promise<FileHandle> {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  let mode = has(OPEN_FLAG.WRITE)
    ? has(OPEN_FLAG.READ)
      ? constants.O_RDWR
      : constants.O_WRONLY
    : constants.O_RDONLY;
  if (has(OPEN_FLAG.APPEND)) mode |= constants.O_APPEND;
  if (has(OPEN_FLAG.CREATE)) mode |= constants.O_CREAT;
  if (has(OPEN_FLAG.TRUNCATE)) mode |= constants.O_TRUNC;
  if (has(OPEN_FLAG.EXCLUSIVE)) mode |= constants.O_EXCL;
  return open(path, mode, attributes.permissions ?? DEFAULT_FILE_MODE);
}

/** Reads what there is, up to the limit of a packet; undefined at the end of the file. */
export async function readPiece(
  file: FileHandle,
  offset: number,
  wanted: number,
): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(Math.min(wanted, MAX_DATA_BYTES));
  const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
  return bytesRead === 0 && wanted > 0 ? undefined : buffer.subarray(0, bytesRead);
}

/** Writes all of `data`; a null offset writes at the end (of a file that was opened so). */
export async function writeAll(file: FileHandle, data: Buffer, offset: number | null): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const position = offset === null ? null : offset + done;
    const { bytesWritten } = await file.write(data, done, data.length - done, position);
    done += bytesWritten;
  }
}

/** Sets attributes of what a path leads to. */
export async function setAttributes(path: Buffer, attributes: SetAttributes): Promise<void> {
  const { sizeBytes, permissions, times, owner } = attributes;
  if (sizeBytes !== undefined) await truncate(path, sizeBytes);
  if (permissions !== undefined) await chmod(path, permissions);
  if (times !== undefined) await utimes(path, times.accessedS, times.modifiedS);
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

/** Sets attributes of a link itself (`lsetstat@openssh.com`); size and mode have no meaning there. */
export async function setLinkAttributes(path: Buffer, attributes: SetAttributes): Promise<void> {
  const { sizeBytes, permissions, times, owner } = attributes;
  if (sizeBytes !== undefined) throw new SftpFailure(STATUS.BAD_MESSAGE, 'A link has no size to set.');
  if (permissions !== undefined) {
    if ((await lstat(path)).isSymbolicLink())
      throw new SftpFailure(STATUS.OP_UNSUPPORTED, 'A link has no mode.');
    await chmod(path, permissions);
  }
  if (times !== undefined) await lutimes(path, times.accessedS, times.modifiedS);
  if (owner !== undefined) await lchown(path, owner.uid, owner.gid);
}

/** Sets attributes of an open file. */
export async function setOpenAttributes(file: FileHandle, attributes: SetAttributes): Promise<void> {
  const { sizeBytes, permissions, times, owner } = attributes;
  if (sizeBytes !== undefined) await file.truncate(sizeBytes);
  if (permissions !== undefined) await file.chmod(permissions);
  if (times !== undefined) await file.utimes(times.accessedS, times.modifiedS);
  if (owner !== undefined) await file.chown(owner.uid, owner.gid);
}

/** RENAME of version 3, which replaces nothing. `posix-rename@openssh.com` is the one that does. */
export async function renameWithoutReplacing(from: Buffer, to: Buffer): Promise<void> {
  const source = await lstat(from);
  if (source.isFile()) {
    try {
      // Atomic: a link is not made over something that is there.
      await link(from, to);
      await unlink(from);
      return;
    } catch (error) {
      if (systemCodeOf(error) === 'EEXIST') throw alreadyThere();
      // File systems without hard links are left with the check below.
      if (!['EPERM', 'ENOSYS', 'ENOTSUP', 'EMLINK', 'EXDEV'].includes(systemCodeOf(error) ?? '')) throw error;
    }
  }
  if ((await statOrNothing(to)) !== undefined) throw alreadyThere();
  await rename(from, to);
}

/** `copy-data`: from one open file to another; a length of 0 copies to the end. */
export async function copyData(
  from: { file: FileHandle; offset: number; lengthBytes: number },
  to: { file: FileHandle; offset: number },
): Promise<void> {
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  let done = 0;
  while (from.lengthBytes === 0 || done < from.lengthBytes) {
    const left = from.lengthBytes === 0 ? COPY_BYTES : from.lengthBytes - done;
    const { bytesRead } = await from.file.read(buffer, 0, Math.min(left, COPY_BYTES), from.offset + done);
    if (bytesRead === 0) return;
    await writeAll(to.file, buffer.subarray(0, bytesRead), to.offset + done);
    done += bytesRead;
  }
}

async function statOrNothing(path: Buffer): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function alreadyThere(): SftpFailure {
  return new SftpFailure(STATUS.FAILURE, 'There is something of that name already.');
}
