import { createHash, sign, verify } from 'node:crypto';
import { DrawbridgeError } from '../errors.ts';
import { isIdOfThumbprint, type PublicJwk, publicKeyOf, thumbprintOf } from '../identity/keys.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';

/**
 * Checkpoints: a tree head in the C2SP formats tlog-checkpoint and signed-note, so that tools that are not ours can
 * check them. The origin and the name of the key are `drawbridge/<id of the role>`.
 */
export interface Checkpoint {
  /** Id of the role whose log it is. */
  readonly id: string;
  /** Number of events that it covers, from the first. */
  readonly size: number;
  /** Root hash of the tree, base64. */
  readonly root: string;
}

/** What origins and names of keys begin with. */
export const ORIGIN_PREFIX = 'drawbridge/';
/** Signature type Ed25519 in signed-note. */
export const ED25519_TYPE = 1;
export const KEY_ID_BYTES = 4;
export const SIGNATURE_BYTES = 64;
const HASH_BYTES = 32;
const NOTE_LIMIT_CHARACTERS = 16 * 1024;
const SIGNATURE_LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/;

/** The signed note over the first `size` events, whose tree has `root`. */
export function signCheckpoint(identity: NodeIdentity, size: number, root: Buffer): string {
  const origin = ORIGIN_PREFIX + identity.id;
  const body = `${origin}\n${size}\n${root.toString('base64')}\n`;
  const signature = sign(null, Buffer.from(body), identity.privateKey);
  const id = keyIdOf(origin, ED25519_TYPE, identity.publicJwk);
  const stamped = Buffer.concat([id, signature]).toString('base64');
  return `${body}\n\u2014 ${origin} ${stamped}\n`;
}

/**
 * Reads a note and checks that the role with this key signed it. Signatures of others (witnesses) are ignored.
 * @param id the role's, for a key that is not its first one
 * @throws `audit.bad_checkpoint`
 */
export function openCheckpoint(note: string, publicJwk: PublicJwk, id?: string): Checkpoint {
  const { body, signatureLines } = splitNote(note);
  const checkpoint = parseBody(body);
  const isItsKey =
    id === undefined ? isIdOfThumbprint(checkpoint.id, thumbprintOf(publicJwk)) : checkpoint.id === id;
  if (!isItsKey) {
    throw bad(`it is about the log of ${checkpoint.id}, which has another key`);
  }
  if (!signatureLines.some((line) => isSignature(line, body, ORIGIN_PREFIX + checkpoint.id, publicJwk))) {
    throw bad('its signature does not fit the key');
  }
  return checkpoint;
}

/** What a note says, whoever signed it. Of use only where the signature is checked as well. @throws `audit.bad_checkpoint` */
export function checkpointIn(note: string): Checkpoint {
  return parseBody(splitNote(note).body);
}

/** A note's signed text, with its last newline, and its signature lines. @throws `audit.bad_checkpoint` */
export function splitNote(note: string): {
  readonly body: string;
  readonly signatureLines: readonly string[];
} {
  const split = note.length > NOTE_LIMIT_CHARACTERS ? -1 : note.lastIndexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) throw bad('it is not a signed note');
  return { body: note.slice(0, split + 1), signatureLines: note.slice(split + 2, -1).split('\n') };
}

/** The bytes of a signature line that `name` made, its key id in front; undefined for lines of others. */
export function signatureBytes(line: string, name: string): Buffer | undefined {
  const [, found, base64 = ''] = SIGNATURE_LINE.exec(line) ?? [];
  if (found !== name) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  return bytes.toString('base64') === base64 ? bytes : undefined;
}

/** Id of a key in signed-note: the first bytes of SHA-256 over name, newline, type of signature and key. */
export function keyIdOf(name: string, signatureType: number, publicJwk: PublicJwk): Buffer {
  return createHash('sha256')
    .update(`${name}\n`)
    .update(Buffer.of(signatureType))
    .update(Buffer.from(publicJwk.x, 'base64url'))
    .digest()
    .subarray(0, KEY_ID_BYTES);
}

function parseBody(body: string): Checkpoint {
  const [origin = '', sizeText = '', root = ''] = body.split('\n');
  const rootBytes = Buffer.from(root, 'base64');
  const size = Number(sizeText);
  const wellFormed =
    origin.startsWith(ORIGIN_PREFIX) &&
    /^(0|[1-9]\d*)$/.test(sizeText) &&
    Number.isSafeInteger(size) &&
    rootBytes.length === HASH_BYTES &&
    rootBytes.toString('base64') === root;
  if (!wellFormed) throw bad('it is not a checkpoint of Drawbridge');
  return { id: origin.slice(ORIGIN_PREFIX.length), size, root };
}

function isSignature(line: string, body: string, origin: string, publicJwk: PublicJwk): boolean {
  const bytes = signatureBytes(line, origin);
  const isOurs =
    bytes?.length === KEY_ID_BYTES + SIGNATURE_BYTES &&
    bytes.subarray(0, KEY_ID_BYTES).equals(keyIdOf(origin, ED25519_TYPE, publicJwk));
  return isOurs && verify(null, Buffer.from(body), publicKeyOf(publicJwk), bytes.subarray(KEY_ID_BYTES));
}

function bad(why: string): DrawbridgeError {
  return new DrawbridgeError('audit.bad_checkpoint', `This checkpoint is not valid: ${why}.`);
}
