import { createHash } from 'node:crypto';
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { DrawbridgeError } from '../shared/errors.ts';
import { openStoredCast, type StoredCast } from './stored-cast.ts';

/** What identifies a file's content. */
export interface FileDigest {
  /** SHA-256 in lower-case hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** Files are read in pieces of this size; between two pieces others get their turn. */
const PIECE_BYTES = 256 * 1024;

const readAt = promisify(read);

/**
 * SHA-256 of a file that grows: each call takes in only what is new. It reads the file and not what the writer meant
 * to write, so that the digest is of what can be read back.
 */
export class GrowingDigest {
  readonly #hash = createHash('sha256');
  #sizeBytes = 0;
  #piece: Buffer | undefined;

  /** How far the file has been taken in. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Takes in the open file `fd` up to `endBytes`. Calls must not overlap, and `fd` stays open meanwhile.
   * @throws `recording.truncated` when the file is shorter.
   */
  async advance(fd: number, endBytes: number, signal?: AbortSignal): Promise<void> {
    while (this.#sizeBytes < endBytes) {
      signal?.throwIfAborted();
      this.#piece ??= Buffer.allocUnsafe(Math.min(PIECE_BYTES, endBytes - this.#sizeBytes));
      const want = Math.min(this.#piece.length, endBytes - this.#sizeBytes);
      const { bytesRead } = await readAt(fd, this.#piece, 0, want, this.#sizeBytes);
      if (bytesRead === 0) throw truncated();
      this.#hash.update(this.#piece.subarray(0, bytesRead));
      this.#sizeBytes += bytesRead;
    }
    // Hundreds of idle recordings would otherwise keep a piece each.
    this.#piece = undefined;
  }

  /** The digest of what has been taken in; more can follow. */
  current(): FileDigest {
    return { sha256: this.#hash.copy().digest('hex'), sizeBytes: this.#sizeBytes };
  }
}

/** SHA-256 of the asciicast file at `path` as it is now, also when it is stored compressed. */
export async function digestFile(path: string, options: { signal?: AbortSignal } = {}): Promise<FileDigest> {
  const cast = await openStoredCast(path);
  try {
    return await digestOfCast(cast, options.signal);
  } finally {
    await cast.close();
  }
}

/** SHA-256 of an open recording, from its first byte to the last that it had when it was opened. */
export async function digestOfCast(cast: StoredCast, signal?: AbortSignal): Promise<FileDigest> {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(Math.max(1, Math.min(PIECE_BYTES, cast.sizeBytes)));
  let sizeBytes = 0;
  while (sizeBytes < cast.sizeBytes) {
    signal?.throwIfAborted();
    const wanted = piece.subarray(0, Math.min(piece.length, cast.sizeBytes - sizeBytes));
    const bytes = await cast.read(wanted, sizeBytes);
    if (bytes === 0) throw truncated();
    hash.update(wanted.subarray(0, bytes));
    sizeBytes += bytes;
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

function truncated(): DrawbridgeError {
  return new DrawbridgeError('recording.truncated', 'The recording became shorter while it was read.', {
    hint: 'Somebody or something changes files in the recordings folder: look there first.',
  });
}
