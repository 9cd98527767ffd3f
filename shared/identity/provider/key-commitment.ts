import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../audit/canonical-json.ts';
import { isCanonicalBase64Url } from '../base64url.ts';
import { type PublicJwk, publicJwkSchema } from '../keys.ts';

const SALT_BYTES = 32;

/**
 * What opens an ID token's `nonce`: the SSH key that the operator's machine made for the login, and a salt that keeps
 * the identity provider from recognising keys.
 */
export interface KeyCommitment {
  readonly jwk: PublicJwk;
  /** 32 random bytes in base64url. */
  readonly salt: string;
}

/** Schema of a {@link KeyCommitment} that somebody else sent. */
export const keyCommitmentSchema = z.object({
  jwk: publicJwkSchema,
  salt: z.string().refine((salt) => isCanonicalBase64Url(salt, SALT_BYTES), 'must be 32 bytes in base64url'),
});

/** Commits to an SSH key with a fresh salt. */
export function commitToKey(jwk: PublicJwk): KeyCommitment {
  return { jwk, salt: randomBytes(SALT_BYTES).toString('base64url') };
}

/** The `nonce` that commits to the key: base64url(SHA-256(canonical JSON of `{jwk, salt}`)), RFC 8785. */
export function nonceOf({ jwk, salt }: KeyCommitment): string {
  const { kty, crv, x } = jwk;
  return createHash('sha256')
    .update(canonicalJson({ jwk: { kty, crv, x }, salt }))
    .digest('base64url');
}
