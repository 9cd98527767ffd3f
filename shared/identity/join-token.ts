import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { DrawbridgeError } from '../errors.ts';
import { isCanonicalBase64Url } from './base64url.ts';
import { type PublicJwk, publicJwkOf, thumbprintOf } from './keys.ts';
import type { NodeIdentity } from './node-identity.ts';

/** What a join token says to the one who joins. */
export interface JoinToken {
  /** Thumbprint of the token's public key: by it the issuer finds the token. */
  readonly kid: string;
  readonly privateKey: KeyObject;
  /** Thumbprint of the identity key of the role that made the token. */
  readonly issuerThumbprint: string;
}

const PREFIX = 'dbj1';
const SEED_BYTES = 32;
const THUMBPRINT_BYTES = 32;
const LIMIT_CHARACTERS = 256;
/** The head of a PKCS #8 document (RFC 8410) with an Ed25519 seed behind it. */
const ED25519_PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * Makes a join token of `issuer`, `dbj1.<seed>.<thumbprint>`. Show `token` once; store `kid` and `publicJwk` only:
 * with these nobody can enrol.
 */
export function createJoinToken(issuer: NodeIdentity): { token: string; kid: string; publicJwk: PublicJwk } {
  const seed = randomBytes(SEED_BYTES);
  const publicJwk = publicJwkOf(privateKeyFromSeed(seed));
  return {
    token: `${PREFIX}.${seed.toString('base64url')}.${issuer.thumbprint}`,
    kid: thumbprintOf(publicJwk),
    publicJwk,
  };
}

/**
 * Reads a join token as a person pasted it; white space around it is ignored.
 * @throws `token.malformed`
 */
export function parseJoinToken(text: string): JoinToken {
  const trimmed = text.length > LIMIT_CHARACTERS ? '' : text.trim();
  const [prefix, seed, issuerThumbprint, ...rest] = trimmed.split('.');
  const wellFormed =
    prefix === PREFIX &&
    seed !== undefined &&
    isCanonicalBase64Url(seed, SEED_BYTES) &&
    issuerThumbprint !== undefined &&
    isCanonicalBase64Url(issuerThumbprint, THUMBPRINT_BYTES) &&
    rest.length === 0;
  if (!wellFormed) {
    throw new DrawbridgeError('token.malformed', 'This is not a whole join token.', {
      hint: "A join token begins with 'dbj1.' and is 92 characters long; copy all of it, or ask for a new one.",
    });
  }
  const privateKey = privateKeyFromSeed(Buffer.from(seed, 'base64url'));
  return { kid: thumbprintOf(publicJwkOf(privateKey)), privateKey, issuerThumbprint };
}

function privateKeyFromSeed(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([ED25519_PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });
}
