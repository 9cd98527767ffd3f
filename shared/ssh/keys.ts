import { createHash, createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { DrawbridgeError, systemCodeOf } from '../errors.ts';
import { freshEd25519 } from '../fresh-key.ts';
import { WireReader, WireWriter } from './wire.ts';

const ED25519 = 'ssh-ed25519';
const ED25519_BYTES = 32;
const PEM_BEGIN = '-----BEGIN OPENSSH PRIVATE KEY-----';
const PEM_END = '-----END OPENSSH PRIVATE KEY-----';
const MAGIC = Buffer.from('openssh-key-v1\0', 'latin1');

/** Longest key file or line that is read; the largest real keys (RSA 16384) stay far below. */
const MAX_KEY_BYTES = 64 * 1024;

/** Blocks of an unencrypted private section are filled up to this size (PROTOCOL.key of OpenSSH). */
const PADDING_BLOCK_BYTES = 8;

/** A private key read from its file. */
export interface SshKeyFile {
  /** The file's text in OpenSSH's format. */
  readonly privateKey: string;
  readonly publicLine: string;
  readonly blob: Buffer;
  readonly fingerprint: string;
}

/**
 * Makes an Ed25519 key and writes it in OpenSSH's own format, mode 0600. An existing file is not touched.
 * @returns the public line, `ssh-ed25519 AAAA… comment`.
 * @throws `ssh.key_exists`, `ssh.key_unwritable`.
 */
export async function createSshKeyFile(path: string, comment: string): Promise<string> {
  const { privateKey, publicLine } = generateSshKey(comment);
  try {
    await writeFile(path, privateKey, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST')
      throw new DrawbridgeError('ssh.key_exists', `There is a key already at ${path}.`, { cause: error });
    throw new DrawbridgeError('ssh.key_unwritable', `The SSH key ${path} could not be written.`, {
      hint: 'Check that the folder exists and that this account may write to it.',
      cause: error,
    });
  }
  return publicLine;
}

/** A fresh Ed25519 key in OpenSSH's format. */
export function generateSshKey(comment: string): { privateKey: string; publicLine: string } {
  const { publicKey, privateKey } = freshEd25519();
  const jwk = privateKey.export({ format: 'jwk' });
  const seed = Buffer.from(jwk.d ?? '', 'base64url');
  const blob = publicBlobOf(publicKey);
  const check = randomBytes(4);
  const secret = new WireWriter().raw(check).raw(check).raw(blob);
  secret.string(Buffer.concat([seed, rawPublicKey(publicKey)])).string(comment);
  let body = secret.finish();
  const paddingBytes = (PADDING_BLOCK_BYTES - (body.length % PADDING_BLOCK_BYTES)) % PADDING_BLOCK_BYTES;
  body = Buffer.concat([body, Buffer.from(Array.from({ length: paddingBytes }, (_, index) => index + 1))]);
  const whole = new WireWriter().raw(MAGIC).string('none').string('none').string('').uint32(1);
  const base64 = whole.string(blob).string(body).finish().toString('base64');
  const lines = base64.match(/.{1,70}/g) ?? [];
  return {
    privateKey: `${[PEM_BEGIN, ...lines, PEM_END].join('\n')}\n`,
    publicLine: publicLineOf(publicKey, comment),
  };
}

/**
 * Reads an unencrypted OpenSSH private key file.
 * @throws `ssh.key_unreadable` when it is not there or may not be read, `ssh.invalid_key` when it is no such key.
 */
export async function loadSshKeyFile(path: string): Promise<SshKeyFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new DrawbridgeError('ssh.key_unreadable', `The SSH key ${path} could not be read.`, {
      hint: 'Check that the file exists and belongs to the account that Drawbridge runs as.',
      cause: error,
    });
  }
  return parsePrivateKey(text, path);
}

/** Reads the public half out of an OpenSSH private key; `name` stands in the error. @throws `ssh.invalid_key`. */
export function parsePrivateKey(text: string, name: string): SshKeyFile {
  const invalid = (cause?: unknown): DrawbridgeError =>
    new DrawbridgeError('ssh.invalid_key', `${name} is not an unencrypted SSH private key.`, {
      hint: 'Drawbridge reads keys in OpenSSH format, without a passphrase, as `ssh-keygen -t ed25519` makes them.',
      cause,
    });
  const trimmed = text.trim();
  if (text.length > MAX_KEY_BYTES || !trimmed.startsWith(PEM_BEGIN) || !trimmed.endsWith(PEM_END))
    throw invalid();
  const bytes = Buffer.from(trimmed.slice(PEM_BEGIN.length, -PEM_END.length), 'base64');
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw invalid();
  try {
    const reader = new WireReader(bytes, MAGIC.length);
    if (reader.text() !== 'none' || reader.text() !== 'none') throw invalid();
    reader.string();
    if (reader.uint32() !== 1) throw invalid();
    const blob = Buffer.from(reader.string());
    const type = new WireReader(blob).text();
    return {
      privateKey: text,
      publicLine: `${type} ${blob.toString('base64')}`,
      blob,
      fingerprint: fingerprintOf(blob),
    };
  } catch (error) {
    throw invalid(error);
  }
}

/**
 * Reads a line as in `id_ed25519.pub`: type, base64, comment. The type in front must be the one inside.
 * @throws `ssh.invalid_key`.
 */
export function parsePublicLine(line: string): { type: string; blob: Buffer; fingerprint: string } {
  const match = /^([a-z0-9@.-]{1,64}) ([A-Za-z0-9+/]+={0,2})(?:[ \t].*)?$/.exec(line.trim());
  const [, type, base64] = match ?? [];
  if (line.length > MAX_KEY_BYTES || type === undefined || base64 === undefined) throw invalidPublicKey();
  const blob = Buffer.from(base64, 'base64');
  try {
    if (new WireReader(blob).text() !== type) throw invalidPublicKey();
    if (type === ED25519) ed25519KeyObjectFromBlob(blob);
  } catch (error) {
    throw invalidPublicKey(error);
  }
  return { type, blob, fingerprint: fingerprintOf(blob) };
}

/** OpenSSH's fingerprint: `SHA256:` and the unpadded base64 of the hash over the blob. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The key in an `ssh-ed25519` blob. @throws `ssh.invalid_key`. */
export function ed25519KeyObjectFromBlob(blob: Buffer): KeyObject {
  try {
    const reader = new WireReader(blob);
    const type = reader.text();
    const raw = reader.string();
    if (type !== ED25519 || raw.length !== ED25519_BYTES || reader.leftBytes !== 0) throw invalidPublicKey();
    return ed25519KeyObject(raw);
  } catch (error) {
    throw invalidPublicKey(error);
  }
}

/** An Ed25519 public key from its 32 bytes. */
export function ed25519KeyObject(raw: Buffer): KeyObject {
  return createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  });
}

/** `ssh-ed25519 AAAA…`, with the comment behind it if one is given. */
export function publicLineOf(key: KeyObject, comment?: string): string {
  const line = `${ED25519} ${publicBlobOf(key).toString('base64')}`;
  return comment === undefined || comment === '' ? line : `${line} ${comment}`;
}

/** An Ed25519 public key as it is on the wire. */
export function publicBlobOf(key: KeyObject): Buffer {
  return new WireWriter().string(ED25519).string(rawPublicKey(key)).finish();
}

function rawPublicKey(key: KeyObject): Buffer {
  const jwk = key.export({ format: 'jwk' });
  if (jwk.crv !== 'Ed25519' || jwk.x === undefined) throw invalidPublicKey();
  return Buffer.from(jwk.x, 'base64url');
}

function invalidPublicKey(cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('ssh.invalid_key', 'This is not an SSH public key.', {
    hint: 'Give one line as it stands in a .pub file: ssh-ed25519 AAAA… name',
    cause,
  });
}
