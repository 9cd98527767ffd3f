import { type FileHandle, open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { DrawbridgeError, systemCodeOf } from '../shared/errors.ts';
import { ENCRYPTED_CAST_SUFFIX } from './format.ts';
import { MEMBER_HEADER_BYTES, type Member, readMemberHeader, unpackMember } from './gzip-members.ts';

/** What a finished recording's name gets behind `.cast` when it is compressed. */
export const GZIP_SUFFIX = '.gz';

const READ_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * A recording as it is stored, in whatever form: positions and sizes are always those of the asciicast file, to which
 * the digests in the audit log belong.
 */
export interface StoredCast {
  readonly form: 'plain' | 'gzip' | 'age';
  /** Of the asciicast file, as it is now. */
  readonly sizeBytes: number;
  /** Fills `buffer` from `position` on, as far as there is something; resolves with the number of bytes, 0 at the end. */
  read(buffer: Buffer, position: number): Promise<number>;
  close(): Promise<void>;
}

/** Where an asciicast is read from: the path of its file, or, for an encrypted one, how to open it with a key. */
export type CastSource = string | (() => Promise<StoredCast>);

/** @throws `recording.encrypted` when it is a file that only a key opens; as {@link openStoredCast} */
export function openCast(source: CastSource): Promise<StoredCast> {
  if (typeof source !== 'string') return source();
  return isEncryptedCast(source) ? Promise.reject(encryptedCast()) : openStoredCast(source);
}

/** Whether the recording at this path is encrypted. */
export function isEncryptedCast(path: string): boolean {
  return path.endsWith(ENCRYPTED_CAST_SUFFIX);
}

/** What is said to those who want to see an encrypted recording and have given no key. */
export function encryptedCast(): DrawbridgeError {
  return new DrawbridgeError('recording.encrypted', 'This recording is encrypted.', {
    hint: 'Give the file with your private key: --identity FILE. The bastion does not have it.',
  });
}

/**
 * Opens the recording whose asciicast file is, or was before it was compressed, at `path`. While both are there the
 * asciicast file counts: the other is not finished then. Of an encrypted one it gives the bytes of the age file, which
 * are what the digests in the audit log belong to.
 * @throws `ENOENT` and other system errors; `recording.malformed` when a compressed one is damaged.
 */
export async function openStoredCast(path: string): Promise<StoredCast> {
  try {
    return await PlainCast.open(path);
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    try {
      return await openGzipCast(`${path}${GZIP_SUFFIX}`);
    } catch (second) {
      throw systemCodeOf(second) === 'ENOENT' ? error : second;
    }
  }
}

/** Opens a compressed recording by the name of its own file. @throws as {@link openStoredCast} */
export function openGzipCast(path: string): Promise<StoredCast> {
  return GzipCast.open(path);
}

/** Name of the asciicast file of which `name` is a stored form. */
export function castNameOf(name: string): string {
  return name.endsWith(`.cast${GZIP_SUFFIX}`) ? name.slice(0, -GZIP_SUFFIX.length) : name;
}

/** Bytes that the recording takes on the disk, in whatever form; undefined when it is not there. */
export async function storedBytes(path: string): Promise<number | undefined> {
  for (const candidate of [path, `${path}${GZIP_SUFFIX}`]) {
    try {
      return (await stat(candidate)).size;
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error;
    }
  }
  return undefined;
}

/** The bytes of the asciicast file, or those of an age file that is given by its path, in pieces. */
export async function* castBytes(
  source: CastSource,
  range: { readonly startBytes?: number; readonly endBytes: number },
  signal?: AbortSignal,
): AsyncGenerator<Buffer> {
  const cast = await (typeof source === 'string' ? openStoredCast(source) : source());
  try {
    for (let position = range.startBytes ?? 0; position < range.endBytes; ) {
      signal?.throwIfAborted();
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, range.endBytes - position));
      const bytes = await cast.read(buffer, position);
      if (bytes === 0) throw truncated();
      position += bytes;
      yield buffer.subarray(0, bytes);
    }
  } finally {
    await cast.close();
  }
}

/** {@link castBytes} as a stream. */
export function castStream(path: string, endBytes: number): Readable {
  return Readable.from(castBytes(path, { endBytes }), { objectMode: false });
}

/**
 * Size in bytes of the recording up to and including its last newline: what may be served of one that was cut off. Of
 * an age file that is given by its path, all of it, since every beginning of one can be opened.
 */
export async function wholeLinesSize(source: CastSource): Promise<number> {
  const cast = await (typeof source === 'string' ? openStoredCast(source) : source());
  try {
    if (typeof source === 'string' && isEncryptedCast(source)) return cast.sizeBytes;
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let end = cast.sizeBytes; end > 0; ) {
      const start = Math.max(0, end - READ_BYTES);
      const wanted = buffer.subarray(0, end - start);
      let bytes = 0;
      while (bytes < wanted.length) {
        const read = await cast.read(wanted.subarray(bytes), start + bytes);
        if (read === 0) break;
        bytes += read;
      }
      const newline = wanted.subarray(0, bytes).lastIndexOf(NEWLINE);
      if (newline !== -1) return start + newline + 1;
      end = start;
    }
    return 0;
  } finally {
    await cast.close();
  }
}

function truncated(): DrawbridgeError {
  return new DrawbridgeError('recording.truncated', 'The recording became shorter while it was read.', {
    hint: 'Somebody or something changes files in the recordings folder: look there first.',
  });
}

class PlainCast implements StoredCast {
  readonly form = 'plain';
  readonly sizeBytes: number;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
  }

  static async open(path: string): Promise<PlainCast> {
    const file = await open(path, 'r');
    try {
      return new PlainCast(file, (await file.stat()).size);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    return (await this.#file.read(buffer, 0, buffer.length, position)).bytesRead;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

class GzipCast implements StoredCast {
  readonly form = 'gzip';
  readonly sizeBytes: number;
  readonly #file: FileHandle;
  readonly #members: readonly Member[];
  #unpacked: { readonly member: Member; readonly content: Buffer } | undefined;

  private constructor(file: FileHandle, members: readonly Member[]) {
    this.#file = file;
    this.#members = members;
    const last = members.at(-1);
    this.sizeBytes = last === undefined ? 0 : last.contentAt + last.contentBytes;
  }

  static async open(path: string): Promise<GzipCast> {
    const file = await open(path, 'r');
    try {
      return new GzipCast(file, await readMembers(file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    const member = this.#memberAt(position);
    if (member === undefined) return 0;
    const content = await this.#contentOf(member);
    const from = position - member.contentAt;
    return content.copy(buffer, 0, from, Math.min(content.length, from + buffer.length));
  }

  close(): Promise<void> {
    this.#unpacked = undefined;
    return this.#file.close();
  }

  #memberAt(position: number): Member | undefined {
    let low = 0;
    let high = this.#members.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const member = this.#members[middle];
      if (member === undefined) return undefined;
      if (position < member.contentAt) high = middle - 1;
      else if (position >= member.contentAt + member.contentBytes) low = middle + 1;
      else return member;
    }
    return undefined;
  }

  async #contentOf(member: Member): Promise<Buffer> {
    if (this.#unpacked?.member === member) return this.#unpacked.content;
    const packed = Buffer.allocUnsafe(member.sizeBytes);
    const { bytesRead } = await this.#file.read(packed, 0, packed.length, member.at);
    const content = await unpackMember(packed.subarray(0, bytesRead), member.contentBytes);
    this.#unpacked = { member, content };
    return content;
  }
}

async function readMembers(file: FileHandle): Promise<readonly Member[]> {
  const { size } = await file.stat();
  const members: Member[] = [];
  const header = Buffer.allocUnsafe(MEMBER_HEADER_BYTES);
  let contentAt = 0;
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(header, 0, header.length, at);
    const { sizeBytes, contentBytes } = readMemberHeader(header.subarray(0, bytesRead));
    members.push({ at, sizeBytes, contentAt, contentBytes });
    contentAt += contentBytes;
    at += sizeBytes;
  }
  return members;
}
