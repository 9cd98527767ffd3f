import type { KeyObject } from 'node:crypto';
import { compactVerify } from 'jose';
import { z } from 'zod';
import type { Clock } from '../../clock.ts';
import { isCanonicalBase64Url } from '../base64url.ts';
import { CLOCK_SKEW_S } from '../claims.ts';
import type { IdTokenAlgorithm } from './key-set.ts';
import { IdTokenRefused } from './refusal.ts';

/**
 * Longest ID token that is looked at. A stream's preface of 16 KiB must hold it inside a pass, whose encoding makes
 * three bytes four.
 */
export const ID_TOKEN_LIMIT_BYTES = 11 * 1024;

/** Keys that are tried when a token names none. */
const CANDIDATES_MAX = 8;

const seconds = z.int().nonnegative();
const text = z.string().min(1).max(1024);

/** With a `typ`, an ID token is a plain JWT: other kinds of the same provider (`at+jwt`, `logout+jwt`) name their own (RFC 8725, section 3.11). */
const headerSchema = z.object({
  alg: z.string().max(64),
  kid: z.string().max(1024).optional(),
  typ: z
    .string()
    .regex(/^(application\/)?jwt$/i)
    .optional(),
});
const claimsSchema = z.looseObject({
  iss: text,
  sub: text.max(255),
  aud: z.union([text, z.array(text).min(1).max(16)]),
  azp: text.optional(),
  iat: seconds,
  exp: seconds,
  auth_time: seconds.optional(),
  nonce: text.optional(),
  acr: z.string().max(1024).optional(),
});

/** The claims of an ID token (OpenID Connect Core, section 2), with whatever else the provider put in. */
export type IdTokenClaims = z.infer<typeof claimsSchema>;

/** Where the keys of one provider come from. */
export interface ProviderKeys {
  /**
   * Keys that may have made a signature with this header.
   * @throws {@link IdTokenRefused} `unknown_key`, `keys_unavailable`, `keys_too_old`
   */
  find(header: {
    readonly alg: IdTokenAlgorithm;
    readonly kid?: string | undefined;
  }): Promise<readonly KeyObject[]>;
}

/** What an ID token is checked against. */
export interface IdTokenRules {
  readonly issuer: string;
  /** Our own client id; a token for any other application is refused. */
  readonly clientId: string;
  readonly algorithms: readonly IdTokenAlgorithm[];
  readonly keys: ProviderKeys;
  readonly clock: Clock;
  /**
   * `must_last`: `exp` must not be over. `may_be_over`: it need not, since the caller bounds the age by another measure.
   */
  readonly expiry: 'must_last' | 'may_be_over';
}

/**
 * Who an ID token says that it is from, without believing it: only to find out by whose rules to check it.
 * @throws {@link IdTokenRefused} `too_large`, `malformed`
 */
export function readIdTokenIssuer(token: string): string {
  return readIdToken(token).claims.iss;
}

/**
 * Checks an ID token: form, issuer, algorithm, signature, audience, authorised party and times (OpenID Connect Core,
 * section 3.1.3.7). What it says about the operator, and whether its `nonce` commits to a key, is for the caller.
 * @throws {@link IdTokenRefused}
 */
export async function verifyIdToken(token: string, rules: IdTokenRules): Promise<IdTokenClaims> {
  const { header, claims } = readIdToken(token);
  if (claims.iss !== rules.issuer) throw new IdTokenRefused('wrong_issuer');
  const alg = rules.algorithms.find((allowed) => allowed === header.alg);
  if (alg === undefined) throw new IdTokenRefused('algorithm');
  await verifySignature(token, alg, await rules.keys.find({ alg, kid: header.kid }));
  requireAudience(claims, rules.clientId);
  requireTimes(claims, rules);
  return claims;
}

function readIdToken(token: string): { header: z.infer<typeof headerSchema>; claims: IdTokenClaims } {
  if (token.length > ID_TOKEN_LIMIT_BYTES) {
    throw new IdTokenRefused('too_large', {
      detail: `${token.length} bytes, ${ID_TOKEN_LIMIT_BYTES} are allowed; mostly these are too many groups`,
    });
  }
  const parts = token.split('.');
  const [head, body, signature] = parts;
  if (head === undefined || body === undefined || signature === undefined || parts.length !== 3) {
    throw new IdTokenRefused('malformed');
  }
  if (!parts.every((part) => isCanonicalBase64Url(part))) throw new IdTokenRefused('malformed');
  const header = headerSchema.safeParse(parseJson(head));
  const claims = claimsSchema.safeParse(parseJson(body));
  if (!header.success || !claims.success) {
    throw new IdTokenRefused('malformed', { cause: header.error ?? claims.error });
  }
  return { header: header.data, claims: claims.data };
}

async function verifySignature(
  token: string,
  alg: IdTokenAlgorithm,
  candidates: readonly KeyObject[],
): Promise<void> {
  let cause: unknown;
  for (const key of candidates.slice(0, CANDIDATES_MAX)) {
    try {
      await compactVerify(token, key, { algorithms: [alg] });
      return;
    } catch (error) {
      cause = error;
    }
  }
  throw new IdTokenRefused('bad_signature', { cause });
}

/** One audience alone: a token that others take as well could have been handed on by one of them. */
function requireAudience({ aud, azp }: IdTokenClaims, clientId: string): void {
  const audiences = typeof aud === 'string' ? [aud] : aud;
  const ours = audiences.length === 1 && audiences[0] === clientId;
  if (!ours || (azp !== undefined && azp !== clientId)) throw new IdTokenRefused('wrong_audience');
}

function requireTimes(claims: IdTokenClaims, rules: IdTokenRules): void {
  const nowS = rules.clock.nowMs() / 1000;
  const { iat, exp, auth_time: authTime = iat } = claims;
  if (exp <= iat) throw new IdTokenRefused('malformed', { detail: 'it ends before it begins' });
  if (Math.max(iat, authTime) > nowS + CLOCK_SKEW_S) throw new IdTokenRefused('not_yet_valid');
  if (rules.expiry === 'must_last' && nowS >= exp + CLOCK_SKEW_S) throw new IdTokenRefused('expired');
}

function parseJson(base64url: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64url, 'base64url')));
  } catch {
    return undefined;
  }
}
