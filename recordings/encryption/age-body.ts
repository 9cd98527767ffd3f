import { randomBytes } from 'node:crypto';
import type { Json } from '../../shared/audit/event.ts';
import { ageHeader, FILE_KEY_BYTES } from './age-header.ts';
import {
  AgePayload,
  CHUNK_BYTES,
  openUnfinishedChunk,
  PAYLOAD_NONCE_BYTES,
  payloadKey,
  sealLastChunk,
} from './age-payload.ts';
import type { AgeRecipient } from './age-recipient.ts';

/**
 * What a recording writes instead of its lines when it is encrypted: an age file that grows by what is recorded.
 *
 * A last chunk has a nonce of its own, and which one is the last shows only at the end. So that nothing that is on the
 * disk has to be written anew, the line before the end is filled up with blanks until its chunk is full, and the last
 * chunk is one newline. A recording that is smaller than a chunk can instead be written anew as a whole
 * ({@link small}).
 */
export class AgeBody {
  /** Header and payload nonce: the first bytes of the file. */
  readonly beginning: Buffer;
  /** Opens what has been written; for those who watch while it grows. Forgotten by {@link forget}. */
  readonly fileKey: Buffer;
  readonly #key: Buffer;
  readonly #payload: AgePayload;

  /** @throws `recording.header_too_large` */
  constructor(recipients: readonly AgeRecipient[], about: Json) {
    this.fileKey = randomBytes(FILE_KEY_BYTES);
    const nonce = randomBytes(PAYLOAD_NONCE_BYTES);
    this.beginning = Buffer.concat([ageHeader(recipients, this.fileKey, about), nonce]);
    this.#key = payloadKey(this.fileKey, nonce);
    this.#payload = new AgePayload(this.#key);
  }

  /** Bytes of lines so far. */
  get contentBytes(): number {
    return this.#payload.contentBytes;
  }

  /** What the file gets for these lines, or parts of lines. */
  seal(lines: Buffer): Buffer {
    return this.#payload.seal(lines);
  }

  /** What the file gets for its last line (a JSON text without a newline): then it is a whole age file. */
  sealEnd(line: string): Buffer {
    const text = Buffer.from(line);
    const room = this.#payload.roomBytes;
    const behindChunks = Math.max(0, text.length - room) % CHUNK_BYTES;
    const fillBytes = text.length <= room ? room - text.length : (CHUNK_BYTES - behindChunks) % CHUNK_BYTES;
    return Buffer.concat([
      this.#payload.seal(Buffer.concat([text, Buffer.alloc(fillBytes, ' ')])),
      this.#payload.sealLast(Buffer.from('\n')),
    ]);
  }

  /**
   * The whole file anew, without the blanks: `written` is what it has behind its {@link beginning}. Undefined when it
   * does not fit into one chunk.
   */
  small(written: Buffer, lastLine: string): Buffer | undefined {
    const end = Buffer.from(`${lastLine}\n`);
    if (written.length + end.length > CHUNK_BYTES) return undefined;
    const content = Buffer.concat([openUnfinishedChunk(this.#key, 0, written), end]);
    return Buffer.concat([this.beginning, sealLastChunk(this.#key, 0, content)]);
  }

  /** Overwrites the keys: from now on only the recipients can read what was written. */
  forget(): void {
    this.fileKey.fill(0);
    this.#key.fill(0);
  }
}
