import { sign } from 'node:crypto';
import { DrawbridgeError } from '../errors.ts';
import { freshEd25519 } from '../fresh-key.ts';
import { publicBlobOf } from './keys.ts';
import { loadSsh2 } from './ssh2-library.ts';
import { WireWriter } from './wire.ts';

/** The one kind of key that we sign with: every SSH server of today takes it, and it signs in microseconds. */
export const SIGNING_ALGORITHM = 'ssh-ed25519';

/** An Ed25519 key that signs as SSH wants it. */
export interface SigningKey {
  /** The public half, as on the wire. */
  readonly blob: Buffer;
  /** The whole signature: its algorithm and itself. */
  sign(data: Buffer): Buffer;
}

/** The key in an unencrypted private key of OpenSSH's format. @throws `ssh.invalid_key` when it is no Ed25519 key. */
export function signingKeyOf(privateKey: string): SigningKey {
  const key = loadSsh2().utils.parseKey(privateKey);
  if (key instanceof Error || key.type !== SIGNING_ALGORITHM || !key.isPrivateKey())
    throw new DrawbridgeError('ssh.invalid_key', 'This is not an unencrypted Ed25519 private key.', {
      hint: 'Drawbridge signs in with keys as `ssh-keygen -t ed25519` makes them, without a passphrase.',
    });
  return signingKey(key.getPublicSSH(), (data) => {
    const signature: unknown = key.sign(data);
    if (!Buffer.isBuffer(signature))
      throw new DrawbridgeError('ssh.invalid_key', 'The SSH key does not sign.', { cause: signature });
    return signature;
  });
}

/** A fresh key, which is nowhere but in memory. */
export function freshSigningKey(): SigningKey {
  const { publicKey, privateKey } = freshEd25519();
  return signingKey(publicBlobOf(publicKey), (data) => sign(null, data, privateKey));
}

function signingKey(blob: Buffer, signRaw: (data: Buffer) => Buffer): SigningKey {
  return { blob, sign: (data) => new WireWriter().string(SIGNING_ALGORITHM).string(signRaw(data)).finish() };
}
