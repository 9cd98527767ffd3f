import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { bech32 } from '@scure/base';
import { DrawbridgeError } from '../../shared/errors.ts';

/** Whom recordings can be encrypted to, at most: each costs about a hundred bytes and 0.1 ms per recording. */
export const RECIPIENTS_LIMIT = 16;

const PREFIX = 'age';
const KEY_BYTES = 32;

/** DER of an X25519 public key up to the key itself (RFC 8410). */
const X25519_SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** One who can read recordings that are encrypted to them. */
export interface AgeRecipient {
  /** `age1…` */
  readonly text: string;
  readonly publicKey: KeyObject;
  /** The X25519 public key as its 32 bytes. */
  readonly publicBytes: Buffer;
}

/** Reads a native X25519 recipient of age, `age1…`. @throws `recording.recipient_invalid` */
export function parseAgeRecipient(text: string): AgeRecipient {
  const decoded = bech32.decodeUnsafe(text, 90);
  if (decoded === undefined || decoded.prefix !== PREFIX) throw invalid(text);
  const bytes = bech32.fromWordsUnsafe(decoded.words);
  if (bytes === undefined || bytes.length !== KEY_BYTES) throw invalid(text);
  const publicBytes = Buffer.from(bytes);
  try {
    const publicKey = x25519PublicKey(publicBytes);
    // A point of low order gives the same secret to everybody: refused here, and not at the first session.
    const { privateKey } = generateKeyPairSync('x25519');
    diffieHellman({ privateKey, publicKey });
    return { text, publicKey, publicBytes };
  } catch (error) {
    throw invalid(text, error);
  }
}

/** The X25519 public key of these 32 bytes. */
function x25519PublicKey(bytes: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([X25519_SPKI_PREFIX, bytes]), format: 'der', type: 'spki' });
}

function invalid(text: string, cause?: unknown): DrawbridgeError {
  const isPrivate = text.toUpperCase().startsWith('AGE-SECRET-KEY-');
  return new DrawbridgeError(
    'recording.recipient_invalid',
    isPrivate
      ? 'This is a private key: only the public one, `age1…`, belongs on the bastion.'
      : `${text.slice(0, 80)} is no X25519 recipient of age.`,
    {
      hint: 'Make a key pair elsewhere with `drawbridge recordings keygen` or `age-keygen`, and give the line that begins with age1.',
      cause,
    },
  );
}
