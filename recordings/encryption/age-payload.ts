import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';

/** Content of one chunk of an age file. */
export const CHUNK_BYTES = 64 * 1024;

/** What each chunk has behind its content. */
export const TAG_BYTES = 16;

/** Random bytes between header and chunks. */
export const PAYLOAD_NONCE_BYTES = 16;

const CIPHER = 'chacha20-poly1305';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

/** Where the count of chunks stands in a chunk's nonce (its last byte tells the last chunk), and how long it is. */
const COUNTER_AT = 5;
const COUNTER_BYTES = 6;

/** The key that the chunks of a file are encrypted with. */
export function payloadKey(fileKey: Uint8Array, nonce: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', KEY_BYTES));
}

/**
 * Encrypts the payload of an age file as it comes: what {@link seal} gives back is all that the file needs so far, so
 * that it can be written before the content is shown. The tag of a chunk follows when the chunk is full.
 */
export class AgePayload {
  readonly #key: Buffer;
  #index = 0;
  #usedBytes = 0;
  #cipher: ReturnType<typeof chunkCipher>;

  constructor(key: Buffer) {
    this.#key = key;
    this.#cipher = chunkCipher(key, 0, false);
  }

  /** Bytes of content so far. */
  get contentBytes(): number {
    return this.#index * CHUNK_BYTES + this.#usedBytes;
  }

  /** Bytes of content until the present chunk is full. */
  get roomBytes(): number {
    return CHUNK_BYTES - this.#usedBytes;
  }

  seal(content: Buffer): Buffer {
    if (content.length < this.roomBytes) {
      this.#usedBytes += content.length;
      return this.#cipher.update(content);
    }
    const sealed: Buffer[] = [];
    for (let at = 0; at < content.length; ) {
      const part = content.subarray(at, at + this.roomBytes);
      sealed.push(this.#cipher.update(part));
      at += part.length;
      this.#usedBytes += part.length;
      if (this.#usedBytes < CHUNK_BYTES) break;
      this.#cipher.final();
      sealed.push(this.#cipher.getAuthTag());
      this.#index += 1;
      this.#usedBytes = 0;
      this.#cipher = chunkCipher(this.#key, this.#index, false);
    }
    return Buffer.concat(sealed);
  }

  /** The last chunk, with this content. The chunk before it must be full, since the last one has a nonce of its own. */
  sealLast(content: Buffer): Buffer {
    if (this.#usedBytes !== 0) throw new RangeError('the chunk before the last one is not full');
    this.#usedBytes = content.length;
    return sealLastChunk(this.#key, this.#index, content);
  }
}

/** A file's last chunk: content and tag. */
export function sealLastChunk(key: Buffer, index: number, content: Buffer): Buffer {
  const cipher = chunkCipher(key, index, true);
  return Buffer.concat([cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

/** Content of a chunk; undefined when its tag is not that of this content in this place. */
export function openChunk(key: Buffer, index: number, isLast: boolean, sealed: Buffer): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, chunkNonce(index, isLast), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Content of a chunk that has no tag yet: nothing but the digest in the audit log vouches for it. */
export function openUnfinishedChunk(key: Buffer, index: number, sealed: Buffer): Buffer {
  // Encrypting twice gives the content back: the cipher is a stream of bytes that are added to it.
  return chunkCipher(key, index, false).update(sealed.subarray(0, CHUNK_BYTES));
}

function chunkCipher(key: Buffer, index: number, isLast: boolean) {
  return createCipheriv(CIPHER, key, chunkNonce(index, isLast), { authTagLength: TAG_BYTES });
}

function chunkNonce(index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUIntBE(index, COUNTER_AT, COUNTER_BYTES);
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}
