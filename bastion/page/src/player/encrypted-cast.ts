import { chacha20, chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { Decrypter } from 'age-encryption';

/** Content of one chunk of an age file, and what stands behind it. */
const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const SEALED_BYTES = CHUNK_BYTES + TAG_BYTES;

const NONCE_BYTES = 16;

/** The asciicast in an encrypted recording. `isWhole` is false when it ends where a bastion was killed. */
export interface OpenedCast {
  readonly cast: string;
  readonly isWhole: boolean;
}

/**
 * Opens an age file with a private key, in this page: neither key nor text leaves it. One without its end, as a killed
 * bastion leaves it, is shown as far as it goes.
 * @throws an error with a sentence when the key is none, or not the one
 */
export async function openEncryptedCast(file: Uint8Array, keyText: string): Promise<OpenedCast> {
  const headerBytes = headerLength(file);
  const key = await payloadKey(file, headerBytes, identitiesIn(keyText));
  const payload = file.subarray(headerBytes + NONCE_BYTES);
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let isWhole = false;
  for (let index = 0; index * SEALED_BYTES < payload.length; index++) {
    const sealed = payload.subarray(index * SEALED_BYTES, (index + 1) * SEALED_BYTES);
    const chunk = openChunk(key, index, sealed);
    isWhole = chunk.isLast;
    parts.push(decoder.decode(chunk.content, { stream: true }));
  }
  const cast = parts.join('');
  return { cast: cast.slice(0, cast.lastIndexOf('\n') + 1), isWhole };
}

/** Private keys in what was pasted, or in a file of age-keygen, which has more in it. */
function identitiesIn(text: string): readonly string[] {
  const identities = text.match(/AGE-SECRET-KEY-[0-9A-Z-]+/g) ?? [];
  if (identities.length > 0) return identities;
  throw new Error('This is no private key of age: it begins with AGE-SECRET-KEY-1.');
}

function headerLength(file: Uint8Array): number {
  const beginning = new TextDecoder('latin1').decode(file.subarray(0, CHUNK_BYTES));
  const mac = beginning.indexOf('\n--- ');
  const end = mac === -1 ? -1 : beginning.indexOf('\n', mac + 1);
  if (end === -1) throw new Error('The file is no encrypted recording. Check it against the audit log.');
  return end + 1;
}

async function payloadKey(
  file: Uint8Array,
  headerBytes: number,
  identities: readonly string[],
): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  try {
    for (const identity of identities) decrypter.addIdentity(identity);
  } catch {
    throw new Error('This is no private key of age, or a part of it is missing.');
  }
  const fileKey = await decrypter.decryptHeader(file.slice(0, headerBytes)).catch(() => {
    throw new Error('This key does not open this recording: it is encrypted to others.');
  });
  const base = await crypto.subtle.importKey('raw', new Uint8Array(fileKey), 'HKDF', false, ['deriveBits']);
  const salt = file.slice(headerBytes, headerBytes + NONCE_BYTES);
  const info = new TextEncoder().encode('payload');
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt, info }, base, 256),
  );
}

function openChunk(key: Uint8Array, index: number, sealed: Uint8Array) {
  if (sealed.length === SEALED_BYTES) {
    const content = opened(key, nonceOf(index, false), sealed);
    if (content !== undefined) return { content, isLast: false };
  }
  const last = opened(key, nonceOf(index, true), sealed);
  if (last !== undefined) return { content: last, isLast: true };
  if (sealed.length === SEALED_BYTES) {
    throw new Error('The recording was changed after it was written. Check it against the audit log.');
  }
  // No tag yet. The digest in the audit log vouches for it; the cipher is a stream whose first block makes the tag.
  const content = chacha20(key, nonceOf(index, false), sealed.subarray(0, CHUNK_BYTES), undefined, 1);
  return { content, isLast: false };
}

function opened(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  try {
    return chacha20poly1305(key, nonce).decrypt(sealed);
  } catch {
    return undefined;
  }
}

/** Eleven bytes that count the chunks, and one that is 1 for the last. */
function nonceOf(index: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(7, index);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}
