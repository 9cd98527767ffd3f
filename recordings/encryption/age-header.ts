import { createCipheriv, createHmac, diffieHellman, generateKeyPairSync, hkdfSync } from 'node:crypto';
import type { Json } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { AgeRecipient } from './age-recipient.ts';

/** First line of every age file. */
export const AGE_VERSION_LINE = 'age-encryption.org/v1';

/** Bytes of the key from which all keys of one file come. */
export const FILE_KEY_BYTES = 16;

/** Longest header that is read: recipients, and what the file says in the clear. */
export const AGE_HEADER_LIMIT_BYTES = 64 * 1024;

const X25519_INFO = 'age-encryption.org/v1/X25519';

/** Type of the stanza that says in the clear what the recording is of. Who reads the file with age passes over it. */
const ABOUT_STANZA = 'drawbridge-about';

const BODY_LINE_BYTES = 48;
const RAW_KEY_BYTES = 32;
const TAG_BYTES = 16;

/**
 * Header of an age file (C2SP age) whose file key each of the `recipients` can unwrap, with `about` in the clear.
 *
 * Written here and not by a library because it has to be there at once: a channel may not open before its recording
 * has begun, and the library's way is asynchronous. What comes out is checked against the library and against age.
 */
export function ageHeader(recipients: readonly AgeRecipient[], fileKey: Buffer, about: Json): Buffer {
  const stanzas = recipients.map((recipient) => x25519Stanza(recipient, fileKey));
  stanzas.push(stanza([ABOUT_STANZA, 'v1'], Buffer.from(JSON.stringify(about))));
  const unsigned = `${AGE_VERSION_LINE}\n${stanzas.join('')}---`;
  const macKey = Buffer.from(hkdfSync('sha256', fileKey, '', 'header', RAW_KEY_BYTES));
  const header = Buffer.from(
    `${unsigned} ${base64(createHmac('sha256', macKey).update(unsigned).digest())}\n`,
  );
  if (header.length <= AGE_HEADER_LIMIT_BYTES) return header;
  throw new DrawbridgeError(
    'recording.header_too_large',
    `A header may have ${AGE_HEADER_LIMIT_BYTES} bytes.`,
  );
}

/** Length of the header at the beginning of an age file, its last newline included; undefined when there is none. */
export function ageHeaderLength(beginning: Buffer): number | undefined {
  if (!beginning.subarray(0, AGE_VERSION_LINE.length + 1).equals(Buffer.from(`${AGE_VERSION_LINE}\n`))) {
    return undefined;
  }
  const mac = beginning.indexOf('\n--- ');
  const end = mac === -1 ? -1 : beginning.indexOf('\n', mac + 1);
  return end === -1 ? undefined : end + 1;
}

/** What the header of a recording says in the clear; undefined when it says nothing, or is none of ours. */
export function aboutInHeader(header: Buffer): unknown {
  const found = new RegExp(`^-> ${ABOUT_STANZA} v1\\n((?:[A-Za-z0-9+/]*\\n)+?)(?=-> |--- )`, 'm').exec(
    header.toString('latin1'),
  );
  if (found?.[1] === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(found[1].replaceAll('\n', ''), 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
}

function x25519Stanza({ publicKey, publicBytes }: AgeRecipient, fileKey: Buffer): string {
  const own = generateKeyPairSync('x25519');
  const share = Buffer.from(own.publicKey.export({ format: 'der', type: 'spki' })).subarray(-RAW_KEY_BYTES);
  const secret = diffieHellman({ privateKey: own.privateKey, publicKey });
  const salt = Buffer.concat([share, publicBytes]);
  const wrapKey = Buffer.from(hkdfSync('sha256', secret, salt, X25519_INFO, RAW_KEY_BYTES));
  // The key is used once, so that a nonce of zeros is (RFC 8439; the format says so).
  const cipher = createCipheriv('chacha20-poly1305', wrapKey, Buffer.alloc(12), { authTagLength: TAG_BYTES });
  const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
  return stanza(['X25519', base64(share)], body);
}

/** Arguments, then the body in lines of 48 bytes, the last of which is shorter, be it empty. */
function stanza(args: readonly string[], body: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at <= body.length; at += BODY_LINE_BYTES) {
    lines.push(`${base64(body.subarray(at, at + BODY_LINE_BYTES))}\n`);
  }
  return `-> ${args.join(' ')}\n${lines.join('')}`;
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
