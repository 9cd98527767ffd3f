import { createPrivateKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DrawbridgeError } from '../shared/errors.ts';
import { WireReader } from '../shared/ssh/wire.ts';

const BEGIN = '-----BEGIN OPENSSH PRIVATE KEY-----';
const END = '-----END OPENSSH PRIVATE KEY-----';
const MAGIC = Buffer.from('openssh-key-v1\0');
const KEY_TYPE = 'ssh-ed25519';
/** An Ed25519 key file takes about 400 bytes. */
const LIMIT_BYTES = 16 * 1024;
const SEED_BYTES = 32;

/**
 * Reads the Ed25519 key of a login as Node can sign with it. Node does not read OpenSSH's format (OpenSSH PROTOCOL.key),
 * and the key is kept in that format since ssh must read it too.
 * @throws `login.unreadable`
 */
export async function readLoginKey(path: string): Promise<KeyObject> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
  try {
    return parseOpenSshEd25519(text);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The 32 bytes of the Ed25519 key in a `.pub` file. @throws `login.unreadable` */
export async function readPublicKeyBytes(path: string): Promise<Buffer> {
  try {
    const [type, base64 = ''] = (await readFile(path, 'utf8')).split(' ');
    const reader = new WireReader(Buffer.from(base64, 'base64'));
    if (type !== KEY_TYPE || reader.text() !== KEY_TYPE) throw new RangeError('not an Ed25519 key');
    const bytes = reader.string();
    if (bytes.length !== SEED_BYTES) throw new RangeError('wrong length');
    return bytes;
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Reads an unencrypted Ed25519 private key in OpenSSH's format. Throws on anything else. */
export function parseOpenSshEd25519(text: string): KeyObject {
  if (text.length > LIMIT_BYTES) throw new RangeError('too large');
  const start = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw new RangeError('no private key');
  const bytes = Buffer.from(text.slice(start + BEGIN.length, end), 'base64');
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new RangeError('no OpenSSH key');
  const outer = new WireReader(bytes.subarray(MAGIC.length));
  if (outer.text() !== 'none' || outer.text() !== 'none') throw new RangeError('encrypted');
  outer.string();
  if (outer.uint32() !== 1) throw new RangeError('not one key');
  outer.string();
  const inner = new WireReader(outer.string());
  const check = inner.uint32();
  if (check !== inner.uint32()) throw new RangeError('encrypted');
  if (inner.text() !== KEY_TYPE) throw new RangeError('not an Ed25519 key');
  const publicBytes = inner.string();
  const secret = inner.string();
  if (publicBytes.length !== SEED_BYTES || secret.length !== 2 * SEED_BYTES)
    throw new RangeError('wrong length');
  const jwk = {
    kty: 'OKP',
    crv: 'Ed25519',
    d: secret.subarray(0, SEED_BYTES).toString('base64url'),
    x: publicBytes.toString('base64url'),
  };
  return createPrivateKey({ key: jwk, format: 'jwk' });
}

function unreadable(path: string, cause: unknown): DrawbridgeError {
  return new DrawbridgeError('login.unreadable', `The login's key ${path} can't be read.`, {
    hint: 'Sign in again with `drawbridge login`.',
    cause,
  });
}
