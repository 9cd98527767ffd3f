import { type FileHandle, open } from 'node:fs/promises';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { StoredCast } from '../stored-cast.ts';
import { AGE_HEADER_LIMIT_BYTES, ageHeaderLength } from './age-header.ts';
import {
  CHUNK_BYTES,
  openChunk,
  openUnfinishedChunk,
  PAYLOAD_NONCE_BYTES,
  payloadKey,
  TAG_BYTES,
} from './age-payload.ts';

const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES;

/** Gives the file key for the header of an age file. @throws when it has none for it */
export type FileKeyOf = (header: Buffer) => Uint8Array | Promise<Uint8Array>;

/**
 * An encrypted recording as the asciicast that is in it; positions and sizes are those of the asciicast.
 *
 * One that was not closed in order ends in a chunk without a tag. Its content is given all the same: it is what the
 * operator saw, and whether it was changed since is told by the digest in the audit log, as for any recording.
 */
export class AgeCast implements StoredCast {
  readonly form = 'age';
  readonly sizeBytes: number;
  /** True when the file has the end that a recording gets when it is closed in order. */
  readonly isComplete: boolean;
  readonly #file: FileHandle;
  readonly #key: Buffer;
  readonly #startBytes: number;
  #opened: { readonly index: number; readonly content: Buffer } | undefined;

  private constructor(
    file: FileHandle,
    place: { readonly key: Buffer; readonly startBytes: number },
    size: { readonly sizeBytes: number; readonly isComplete: boolean },
  ) {
    this.#file = file;
    this.#key = place.key;
    this.#startBytes = place.startBytes;
    this.sizeBytes = size.sizeBytes;
    this.isComplete = size.isComplete;
  }

  /** @throws `recording.malformed`, what `fileKeyOf` throws, system errors */
  static async open(path: string, fileKeyOf: FileKeyOf): Promise<AgeCast> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const { header, nonce, startBytes } = await readBeginning(file);
      const key = payloadKey(await fileKeyOf(header), nonce);
      return new AgeCast(file, { key, startBytes }, await measure(file, key, startBytes, size - startBytes));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async read(buffer: Buffer, position: number): Promise<number> {
    const index = Math.floor(position / CHUNK_BYTES);
    const content = await this.#chunk(index);
    return content.copy(buffer, 0, position - index * CHUNK_BYTES);
  }

  close(): Promise<void> {
    this.#opened = undefined;
    return this.#file.close();
  }

  async #chunk(index: number): Promise<Buffer> {
    if (this.#opened?.index === index) return this.#opened.content;
    const sealed = await readSealed(this.#file, this.#startBytes, index);
    const found = openSealed(this.#key, index, sealed);
    // What a live recording ends in has more to come.
    if (found.isWhole) this.#opened = { index, content: found.content };
    return found.content;
  }
}

/** Header of the age file at `path`, for what it says in the clear. @throws `recording.malformed`, system errors */
export async function readAgeHeader(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    return (await readBeginning(file)).header;
  } finally {
    await file.close();
  }
}

async function readBeginning(file: FileHandle) {
  const beginning = Buffer.alloc(AGE_HEADER_LIMIT_BYTES + PAYLOAD_NONCE_BYTES);
  const { bytesRead } = await file.read(beginning, 0, beginning.length, 0);
  const length = ageHeaderLength(beginning.subarray(0, bytesRead));
  const startBytes = (length ?? 0) + PAYLOAD_NONCE_BYTES;
  if (length === undefined || bytesRead < startBytes) {
    throw new DrawbridgeError('recording.malformed', 'The file is no recording that was encrypted with age.');
  }
  return { header: beginning.subarray(0, length), nonce: beginning.subarray(length, startBytes), startBytes };
}

async function measure(file: FileHandle, key: Buffer, startBytes: number, payloadBytes: number) {
  const lastIndex = Math.max(0, Math.ceil(payloadBytes / SEALED_CHUNK_BYTES) - 1);
  const sealed = await readSealed(file, startBytes, lastIndex);
  const { content, isLast } = openSealed(key, lastIndex, sealed);
  return { sizeBytes: lastIndex * CHUNK_BYTES + content.length, isComplete: isLast };
}

async function readSealed(file: FileHandle, startBytes: number, index: number): Promise<Buffer> {
  const sealed = Buffer.allocUnsafe(SEALED_CHUNK_BYTES);
  let length = 0;
  while (length < sealed.length) {
    const at = startBytes + index * SEALED_CHUNK_BYTES + length;
    const { bytesRead } = await file.read(sealed, length, sealed.length - length, at);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return sealed.subarray(0, length);
}

function openSealed(key: Buffer, index: number, sealed: Buffer) {
  const isFull = sealed.length === SEALED_CHUNK_BYTES;
  const whole = isFull ? openChunk(key, index, false, sealed) : undefined;
  if (whole !== undefined) return { content: whole, isWhole: true, isLast: false };
  const last = openChunk(key, index, true, sealed);
  if (last !== undefined) return { content: last, isWhole: true, isLast: true };
  if (isFull) {
    throw new DrawbridgeError(
      'recording.malformed',
      `Chunk ${index} of the encrypted recording was changed.`,
      {
        hint: 'Check the file against the audit log: drawbridge recordings verify.',
      },
    );
  }
  return { content: openUnfinishedChunk(key, index, sealed), isWhole: false, isLast: false };
}
