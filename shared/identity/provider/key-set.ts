import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { DrawbridgeError } from '../../errors.ts';

/** Signature algorithms that an ID token may have: asymmetric ones alone, so that a public key is never a secret. */
export const ID_TOKEN_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;
export type IdTokenAlgorithm = (typeof ID_TOKEN_ALGORITHMS)[number];

/** Keys that one provider may publish. */
const KEYS_MAX = 100;
/** Smaller RSA keys are not taken (RFC 7518, section 3.3). */
const RSA_MIN_BITS = 2048;

/** A verification key as a provider publishes it (RFC 7517). */
export interface ProviderKey {
  readonly kid: string | undefined;
  /** The algorithm that the provider ties it to, when it does. */
  readonly alg: string | undefined;
  readonly key: KeyObject;
}

const text = z.string().max(4096);
const keySetSchema = z.object({ keys: z.array(z.unknown()).max(KEYS_MAX) });
const keySchema = z.object({
  kty: z.enum(['RSA', 'EC', 'OKP']),
  kid: text.optional(),
  alg: text.optional(),
  use: text.optional(),
  crv: text.optional(),
  n: text.optional(),
  e: text.optional(),
  x: text.optional(),
  y: text.optional(),
});

/**
 * Reads a JWK Set. Keys for encryption, symmetric keys and kinds that are not known are left out; private members are
 * never looked at.
 * @throws `idp.bad_keys` when it is no key set, or holds no key that can verify
 */
export function parseKeySet(value: unknown): readonly ProviderKey[] {
  const set = keySetSchema.safeParse(value);
  if (!set.success) throw badKeys('This is not a JWK Set: an object with a list "keys".', set.error);
  const keys = set.data.keys.flatMap((item) => readKey(item) ?? []);
  if (keys.length > 0) return keys;
  throw badKeys('The JWK Set holds no public key that can verify an ID token.');
}

/** The keys that may have made a signature with this `alg` and `kid`. A `kid` that is named must fit. */
export function keysFor(
  keys: readonly ProviderKey[],
  header: { readonly alg: IdTokenAlgorithm; readonly kid?: string | undefined },
): readonly KeyObject[] {
  return keys
    .filter(({ kid }) => header.kid === undefined || kid === header.kid)
    .filter(({ alg }) => alg === undefined || alg === header.alg)
    .filter(({ key }) => fits(key, header.alg))
    .map(({ key }) => key);
}

function readKey(value: unknown): ProviderKey | undefined {
  const parsed = keySchema.safeParse(value);
  if (!parsed.success || parsed.data.use === 'enc') return undefined;
  const { kid, alg, kty, crv, n, e, x, y } = parsed.data;
  const members: JsonWebKey = { kty };
  for (const [name, member] of Object.entries({ crv, n, e, x, y })) {
    if (member !== undefined) members[name] = member;
  }
  try {
    const key = createPublicKey({ key: members, format: 'jwk' });
    const { modulusLength } = key.asymmetricKeyDetails ?? {};
    if (kty === 'RSA' && (modulusLength ?? 0) < RSA_MIN_BITS) return undefined;
    return { kid, alg, key };
  } catch {
    // One key of a kind that Node does not know must not take the others away.
    return undefined;
  }
}

const CURVE: Readonly<Record<string, string>> = {
  ES256: 'prime256v1',
  ES384: 'secp384r1',
  ES512: 'secp521r1',
};

function fits(key: KeyObject, alg: IdTokenAlgorithm): boolean {
  const { asymmetricKeyType: type } = key;
  if (alg === 'EdDSA') return type === 'ed25519';
  const curve = CURVE[alg];
  if (curve !== undefined) return type === 'ec' && key.asymmetricKeyDetails?.namedCurve === curve;
  return type === 'rsa';
}

function badKeys(message: string, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('idp.bad_keys', message, {
    hint: "Take the document that the identity provider's jwks_uri answers.",
    ...(cause === undefined ? {} : { cause }),
  });
}
