import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { DrawbridgeError } from '../errors.ts';
import { isCanonicalBase64Url } from './base64url.ts';

/** The public half of an Ed25519 key as a JWK (RFC 8037). */
export type PublicJwk = { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };

const ED25519_KEY_BYTES = 32;
const NODE_ID_DIGEST_BYTES = 10;
const BASE32_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** Schema of a {@link PublicJwk}: these three members and no other, so that a private key never passes for one. */
export const publicJwkSchema = z.strictObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().refine((x) => isCanonicalBase64Url(x, ED25519_KEY_BYTES), 'must be 32 bytes in base64url'),
});

/**
 * Takes a public key from somebody else.
 * @throws `identity.invalid_key`
 */
export function parsePublicJwk(value: unknown): PublicJwk {
  const parsed = publicJwkSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DrawbridgeError('identity.invalid_key', 'This is not a public Ed25519 key in JWK form.', {
    cause: parsed.error,
  });
}

/** The public JWK of a private or public Ed25519 key. */
export function publicJwkOf(key: KeyObject): PublicJwk {
  const { kty, crv, x } = key.export({ format: 'jwk' });
  return parsePublicJwk({ kty, crv, x });
}

/** `jwk` as a key for verifying. */
export function publicKeyOf(jwk: PublicJwk): KeyObject {
  return createPublicKey({ key: { ...jwk }, format: 'jwk' });
}

/** SHA-256 thumbprint of a key (RFC 7638), in base64url. */
export function thumbprintOf(jwk: PublicJwk): string {
  const members = JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x });
  return createHash('sha256').update(members).digest('base64url');
}

/** What a role calls itself by, as the first letter of its id. */
export const NODE_ID_PREFIX = { proxy: 'p', bastion: 'b', agent: 'a' } as const;
export type NodeRole = keyof typeof NODE_ID_PREFIX;

/**
 * The id of a role with the key of this thumbprint: its letter and the first 80 bits of the thumbprint in base32.
 * Since the id follows from the key, nobody can enrol under another's id.
 */
export function nodeIdOf(role: NodeRole, thumbprint: string): string {
  return `${NODE_ID_PREFIX[role]}-${abbreviate(thumbprint)}`;
}

/** True when `id` is the id of the key with this thumbprint, whatever its role. */
export function isIdOfThumbprint(id: string, thumbprint: string): boolean {
  return /^[pba]-/.test(id) && id.slice(2) === abbreviate(thumbprint);
}

function abbreviate(thumbprint: string): string {
  const digest = Buffer.from(thumbprint, 'base64url').subarray(0, NODE_ID_DIGEST_BYTES);
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of digest) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32_ALPHABET.charAt((value >> bits) & 31);
    }
    value &= (1 << bits) - 1;
  }
  return text;
}

/** OpenSSH fingerprint (`SHA256:…`) of an Ed25519 key: over the wire form of RFC 8709. */
export function sshFingerprintOf(jwk: PublicJwk): string {
  return `SHA256:${createHash('sha256').update(sshBlobOf(jwk)).digest('base64').replace(/=+$/, '')}`;
}

/** OpenSSH one-line form (`ssh-ed25519 AAAA…`) of an Ed25519 key. */
export function sshPublicLineOf(jwk: PublicJwk): string {
  return `ssh-ed25519 ${sshBlobOf(jwk).toString('base64')}`;
}

function sshBlobOf(jwk: PublicJwk): Buffer {
  return Buffer.concat([sshString(Buffer.from('ssh-ed25519')), sshString(Buffer.from(jwk.x, 'base64url'))]);
}

function sshString(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
