import type { KeyObject } from 'node:crypto';
import { compactVerify, SignJWT } from 'jose';
import { type ZodType, z } from 'zod';
import type { Clock } from '../clock.ts';
import { isCanonicalBase64Url } from './base64url.ts';
import { CLOCK_SKEW_S } from './claims.ts';
import { type PublicJwk, publicKeyOf } from './keys.ts';
import { type RefusalReason, StatementRefused } from './refusal.ts';

/**
 * Signed statements: compact JWS (RFC 7515) with `alg` EdDSA pinned and a `typ` per kind (RFC 8725, section 3.11),
 * so that one kind never passes for another. The header holds `alg` and `typ` and nothing else: there is no key,
 * no URL and no extension in it that could steer the one who verifies.
 */
export interface StatementKind<T> {
  /** Value of the `typ` header. */
  readonly typ: string;
  /** What to call it in an error's sentence. */
  readonly what: string;
  /** Code of the error when it is refused, or how to make one of the reason. */
  readonly code: string | ((reason: RefusalReason) => string);
  /** Longest allowed `exp - iat`, and what is signed. */
  readonly lifetimeS: number;
  /** Shape of the claims besides `iat` and `exp`. Unknown claims are dropped. */
  readonly claims: ZodType<T>;
  /** Longest text that is looked at. */
  readonly limitBytes: number;
}

/** When a statement was made and when it ends, in seconds since the epoch. */
export interface StatementTimes {
  readonly iat: number;
  readonly exp: number;
}

/** Size limit of statements that carry little. */
export const SMALL_STATEMENT_BYTES = 8 * 1024;

const ALGORITHM = 'EdDSA';
const headerSchema = z.strictObject({ alg: z.literal(ALGORITHM), typ: z.string() });
const seconds = z.int().nonnegative();
const timesSchema = z.object({ iat: seconds, exp: seconds });

/** Signs `claims` as a statement of this kind that is valid from now for the kind's lifetime. */
export function signStatement<T extends object>(
  kind: StatementKind<T>,
  claims: T,
  privateKey: KeyObject,
  clock: Clock,
): Promise<string> {
  const iat = Math.floor(clock.nowMs() / 1000);
  return new SignJWT({ ...claims, iat, exp: iat + kind.lifetimeS })
    .setProtectedHeader({ alg: ALGORITHM, typ: kind.typ })
    .sign(privateKey);
}

/** A statement that was read and not yet believed. */
export interface UnverifiedStatement<T> {
  readonly token: string;
  readonly kind: StatementKind<T>;
  readonly claims: T & StatementTimes;
}

/** The error for a statement of this kind. */
export function refusal<T>(kind: StatementKind<T>, reason: RefusalReason, cause?: unknown): StatementRefused {
  const code = typeof kind.code === 'string' ? kind.code : kind.code(reason);
  return new StatementRefused(code, kind.what, reason, cause);
}

/**
 * Reads the claims without checking the signature: only to find out whose key to check it with.
 * @throws {@link StatementRefused} `too_large`, `malformed`, `wrong_type`
 */
export function readStatement<T>(kind: StatementKind<T>, token: string): UnverifiedStatement<T> {
  if (token.length > kind.limitBytes) throw refusal(kind, 'too_large');
  const parts = token.split('.');
  const [header, payload, signature] = parts;
  if (header === undefined || payload === undefined || signature === undefined || parts.length !== 3) {
    throw refusal(kind, 'malformed');
  }
  if (!parts.every((part) => isCanonicalBase64Url(part))) throw refusal(kind, 'malformed');
  const head = headerSchema.safeParse(parseJson(header));
  if (!head.success) throw refusal(kind, 'malformed', head.error);
  if (head.data.typ !== kind.typ) throw refusal(kind, 'wrong_type');
  const body = parseJson(payload);
  const times = timesSchema.safeParse(body);
  if (!times.success) throw refusal(kind, 'malformed', times.error);
  const claims = kind.claims.safeParse(body);
  if (!claims.success) throw refusal(kind, 'malformed', claims.error);
  return { token, kind, claims: { ...claims.data, ...times.data } };
}

/**
 * Checks the signature, then the times against `clock`, allowing for {@link CLOCK_SKEW_S}.
 * @throws {@link StatementRefused} `bad_signature`, `too_long`, `not_yet_valid`, `expired`
 */
export async function verifyStatement<T>(
  statement: UnverifiedStatement<T>,
  publicJwk: PublicJwk,
  clock: Pick<Clock, 'nowMs'>,
): Promise<T & StatementTimes> {
  const { token, kind, claims } = statement;
  try {
    await compactVerify(token, publicKeyOf(publicJwk), { algorithms: [ALGORITHM] });
  } catch (error) {
    throw refusal(kind, 'bad_signature', error);
  }
  const lifetimeS = claims.exp - claims.iat;
  if (lifetimeS <= 0 || lifetimeS > kind.lifetimeS) throw refusal(kind, 'too_long');
  const nowS = clock.nowMs() / 1000;
  if (claims.iat > nowS + CLOCK_SKEW_S) throw refusal(kind, 'not_yet_valid');
  if (nowS >= claims.exp + CLOCK_SKEW_S) throw refusal(kind, 'expired');
  return claims;
}

/**
 * Like {@link verifyStatement}, by whichever of the keys made the signature.
 * @throws {@link StatementRefused} `bad_signature` when none did, and what {@link verifyStatement} throws
 */
export async function verifyStatementByAny<T>(
  statement: UnverifiedStatement<T>,
  publicJwks: readonly PublicJwk[],
  clock: Clock,
): Promise<T & StatementTimes> {
  let refused: unknown = refusal(statement.kind, 'bad_signature');
  for (const publicJwk of publicJwks) {
    try {
      return await verifyStatement(statement, publicJwk, clock);
    } catch (error) {
      if (!(error instanceof StatementRefused) || error.reason !== 'bad_signature') throw error;
      refused = error;
    }
  }
  throw refused;
}

/** Until when the id of a statement must be remembered, in milliseconds since the epoch. */
export function rememberUntilMs(times: StatementTimes): number {
  return (times.exp + CLOCK_SKEW_S) * 1000;
}

function parseJson(base64url: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(base64url, 'base64url')));
  } catch {
    return undefined;
  }
}
