import type { Stats } from 'node:fs';
import {
  link,
  lstat,
  mkdir,
  opendir,
  readlink,
  realpath,
  rename,
  rmdir,
  stat,
  statfs,
  symlink,
  unlink,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { systemCodeOf } from '../../shared/errors.ts';
import { WireReader, WireWriter } from '../../shared/ssh/wire.ts';
import { readAttributes, readUint64, writeAttributes, writeUint64 } from './attributes.ts';
import { SftpFailure, statusOf } from './failure.ts';
import {
  copyData,
  DEFAULT_FOLDER_MODE,
  openFile,
  readPiece,
  renameWithoutReplacing,
  setAttributes,
  setLinkAttributes,
  setOpenAttributes,
  writeAll,
} from './file-operations.ts';
import { Handles } from './handles.ts';
import { longName, OwnerNames } from './long-name.ts';
import {
  EXTENSIONS,
  MAX_DATA_BYTES,
  MAX_HANDLES,
  MAX_PACKET_BYTES,
  OPEN_FLAG,
  PACKET,
  STATUS,
  VERSION,
} from './protocol.ts';

/** Entries of a directory in one answer. */
const NAMES_PER_ANSWER = 100;

/** Longest file name of every common file system; `statfs` does not tell. */
const NAME_MAX_BYTES = 255;

/**
 * An SFTP server, version 3 with OpenSSH's extensions, over the file system as the process's account sees it. Paths
 * are bytes throughout, since file names are.
 */
export class SftpServer {
  readonly #handles = new Handles();
  readonly #owners = new OwnerNames();

  /** Answers one packet (without its length). Never rejects: what fails is answered with a status. */
  async handle(packet: Buffer): Promise<Buffer> {
    const reader = new WireReader(packet);
    const type = packet.length === 0 ? 0 : reader.byte();
    if (type === PACKET.INIT) return versionPacket();
    if (reader.leftBytes < 4) return statusPacket(0, STATUS.BAD_MESSAGE, 'Bad message');
    const id = reader.uint32();
    try {
      return await this.#answer(type, id, reader);
    } catch (error) {
      const { code, message } = statusOf(error);
      return statusPacket(id, code, message);
    }
  }

  /** Closes all that is open. */
  close(): Promise<void> {
    return this.#handles.closeAll();
  }

  async #answer(type: number, id: number, reader: WireReader): Promise<Buffer> {
    switch (type) {
      case PACKET.OPEN:
        return handlePacket(id, await this.#open(reader));
      case PACKET.OPENDIR:
        return handlePacket(id, await this.#openDirectory(reader.string()));
      case PACKET.READ:
        return this.#read(id, reader);
      case PACKET.READDIR:
        return this.#readDirectory(id, reader.string());
      case PACKET.STAT:
        return attributesPacket(id, await stat(reader.string()));
      case PACKET.LSTAT:
        return attributesPacket(id, await lstat(reader.string()));
      case PACKET.FSTAT:
        return attributesPacket(id, await this.#handles.file(reader.string()).file.stat());
      case PACKET.REALPATH:
        return namePacket(id, await realPath(reader.string()));
      case PACKET.READLINK:
        return namePacket(id, await readlink(reader.string(), { encoding: 'buffer' }));
      case PACKET.EXTENDED:
        return this.#extended(id, reader.text(), reader);
      default:
        await this.#change(type, reader);
        return statusPacket(id, STATUS.OK, 'Success');
    }
  }

  /** The requests whose only answer is a status. */
  async #change(type: number, reader: WireReader): Promise<void> {
    switch (type) {
      case PACKET.CLOSE:
        return this.#handles.close(reader.string());
      case PACKET.WRITE: {
        const { file, appends } = this.#handles.file(reader.string());
        const offset = readUint64(reader);
        return writeAll(file, reader.string(), appends ? null : offset);
      }
      case PACKET.SETSTAT:
        return setAttributes(reader.string(), readAttributes(reader));
      case PACKET.FSETSTAT:
        return setOpenAttributes(this.#handles.file(reader.string()).file, readAttributes(reader));
      case PACKET.REMOVE:
        return unlink(reader.string());
      case PACKET.MKDIR: {
        const path = reader.string();
        await mkdir(path, { mode: readAttributes(reader).permissions ?? DEFAULT_FOLDER_MODE });
        return;
      }
      case PACKET.RMDIR:
        return rmdir(reader.string());
      case PACKET.RENAME:
        return renameWithoutReplacing(reader.string(), reader.string());
      case PACKET.SYMLINK: {
        // OpenSSH sends the target first, against the draft; every client has followed it.
        const target = reader.string();
        return symlink(target, reader.string());
      }
      default:
        throw unsupported();
    }
  }

  async #extended(id: number, name: string, reader: WireReader): Promise<Buffer> {
    switch (name) {
      case 'statvfs@openssh.com':
        return statfsPacket(id, await statfs(reader.string()));
      case 'fstatvfs@openssh.com': {
        const { file } = this.#handles.file(reader.string());
        return statfsPacket(id, await statfs(`/proc/self/fd/${file.fd}`));
      }
      case 'limits@openssh.com':
        return limitsPacket(id);
      case 'expand-path@openssh.com':
        return namePacket(id, await realPath(expandTilde(reader.string())));
      case 'home-directory':
        return namePacket(id, Buffer.from(homedir()));
      default:
        await this.#changeExtended(name, reader);
        return statusPacket(id, STATUS.OK, 'Success');
    }
  }

  async #changeExtended(name: string, reader: WireReader): Promise<void> {
    switch (name) {
      case 'posix-rename@openssh.com':
        return rename(reader.string(), reader.string());
      case 'hardlink@openssh.com':
        return link(reader.string(), reader.string());
      case 'fsync@openssh.com':
        return this.#handles.file(reader.string()).file.sync();
      case 'lsetstat@openssh.com':
        return setLinkAttributes(reader.string(), readAttributes(reader));
      case 'copy-data': {
        const { file } = this.#handles.file(reader.string());
        const from = { file, offset: readUint64(reader), lengthBytes: readUint64(reader) };
        const target = this.#handles.file(reader.string()).file;
        if (target === file) throw new SftpFailure(STATUS.FAILURE, 'A file is not copied onto itself.');
        return copyData(from, { file: target, offset: readUint64(reader) });
      }
      default:
        throw unsupported();
    }
  }

  #open(reader: WireReader): Promise<Buffer> {
    const path = reader.string();
    const flags = reader.uint32();
    const attributes = readAttributes(reader);
    const appends = (flags & OPEN_FLAG.APPEND) !== 0;
    return this.#handles.add(async () => ({
      kind: 'file',
      file: await openFile(path, flags, attributes),
      appends,
    }));
  }

  #openDirectory(path: Buffer): Promise<Buffer> {
    // latin1 is the only encoding of a Dir that keeps every byte of a name.
    return this.#handles.add(async () => ({
      kind: 'directory',
      dir: await opendir(path, { encoding: 'latin1' }),
      path,
      started: false,
    }));
  }

  async #read(id: number, reader: WireReader): Promise<Buffer> {
    const { file } = this.#handles.file(reader.string());
    const piece = await readPiece(file, readUint64(reader), reader.uint32());
    if (piece === undefined) return statusPacket(id, STATUS.EOF, 'End of file');
    return new WireWriter().byte(PACKET.DATA).uint32(id).string(piece).finish();
  }

  async #readDirectory(id: number, handle: Buffer): Promise<Buffer> {
    const directory = this.#handles.directory(handle);
    const entries: { name: Buffer; stats: Stats }[] = [];
    if (!directory.started) {
      directory.started = true;
      for (const dot of ['.', '..']) entries.push(...(await entryOf(directory.path, Buffer.from(dot))));
    }
    while (entries.length < NAMES_PER_ANSWER) {
      const entry = await directory.dir.read();
      if (entry === null) break;
      entries.push(...(await entryOf(directory.path, Buffer.from(entry.name, 'latin1'))));
    }
    if (entries.length === 0) return statusPacket(id, STATUS.EOF, 'End of directory');
    const writer = new WireWriter().byte(PACKET.NAME).uint32(id).uint32(entries.length);
    const nowMs = Date.now();
    for (const { name, stats } of entries)
      writeAttributes(writer.string(name).string(longName(name, stats, this.#owners, nowMs)), stats);
    return writer.finish();
  }
}

/** Empty when the file has gone since the directory was read. */
async function entryOf(folder: Buffer, name: Buffer): Promise<{ name: Buffer; stats: Stats }[]> {
  try {
    return [{ name, stats: await lstat(Buffer.concat([folder, Buffer.from('/'), name])) }];
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The absolute path, with links followed; of something that is not there, as far as there is something. */
async function realPath(path: Buffer): Promise<Buffer> {
  const wanted = path.length === 0 ? Buffer.from('.') : path;
  try {
    return await realpath(wanted, { encoding: 'buffer' });
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    return Buffer.from(resolve(wanted.toString('latin1')), 'latin1');
  }
}

function expandTilde(path: Buffer): Buffer {
  const text = path.toString('latin1');
  if (text !== '~' && !text.startsWith('~/')) return path;
  return Buffer.concat([Buffer.from(homedir()), path.subarray(1)]);
}

function versionPacket(): Buffer {
  const writer = new WireWriter().byte(PACKET.VERSION).uint32(VERSION);
  for (const [name, version] of Object.entries(EXTENSIONS)) writer.string(name).string(version);
  return writer.finish();
}

function statusPacket(id: number, code: number, message: string): Buffer {
  return new WireWriter().byte(PACKET.STATUS).uint32(id).uint32(code).string(message).string('').finish();
}

function handlePacket(id: number, handle: Buffer): Buffer {
  return new WireWriter().byte(PACKET.HANDLE).uint32(id).string(handle).finish();
}

function attributesPacket(id: number, stats: Stats): Buffer {
  return writeAttributes(new WireWriter().byte(PACKET.ATTRS).uint32(id), stats).finish();
}

function namePacket(id: number, path: Buffer): Buffer {
  const writer = new WireWriter().byte(PACKET.NAME).uint32(id).uint32(1);
  return writer.string(path).string(path).uint32(0).finish();
}

function limitsPacket(id: number): Buffer {
  const writer = new WireWriter().byte(PACKET.EXTENDED_REPLY).uint32(id);
  for (const limit of [MAX_PACKET_BYTES, MAX_DATA_BYTES, MAX_DATA_BYTES, MAX_HANDLES])
    writeUint64(writer, limit);
  return writer.finish();
}

function statfsPacket(id: number, stats: Awaited<ReturnType<typeof statfs>>): Buffer {
  const writer = new WireWriter().byte(PACKET.EXTENDED_REPLY).uint32(id);
  const { bsize, blocks, bfree, bavail, files, ffree } = stats;
  // Block size twice: `statfs` has no fragments. Neither has it flags, nor an id that would mean something here.
  for (const value of [bsize, bsize, blocks, bfree, bavail, files, ffree, ffree, 0, 0, NAME_MAX_BYTES])
    writeUint64(writer, Number(value));
  return writer.finish();
}

function unsupported(): SftpFailure {
  return new SftpFailure(STATUS.OP_UNSUPPORTED, 'Operation unsupported');
}
