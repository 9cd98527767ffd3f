import { type KeyObject, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { publicJwkOf, sshFingerprintOf } from './keys.ts';
import type { SeenOnce } from './seen-once.ts';
import {
  readStatement,
  refusal,
  rememberUntilMs,
  SMALL_STATEMENT_BYTES,
  type StatementKind,
  signStatement,
  verifyStatement,
} from './statement.ts';

interface OperatorClaims {
  /** OpenSSH fingerprint of the login key. */
  readonly iss: string;
  readonly aud: string;
  readonly jti: string;
}

const text = z.string().min(1).max(256);

const OPERATOR_TOKEN: StatementKind<OperatorClaims> = {
  typ: 'drawbridge-operator+jwt',
  what: 'operator token',
  code: 'identity.refused',
  lifetimeS: 60,
  claims: z.object({ iss: text, aud: text, jti: text }),
  limitBytes: SMALL_STATEMENT_BYTES,
};

/** Shows the role `audience` that the caller holds the operator's Ed25519 login key. Valid for 60 s and once. */
export function signOperatorToken(
  key: { readonly privateKey: KeyObject; readonly fingerprint: string },
  audience: string,
  clock: Clock,
): Promise<string> {
  const jti = randomBytes(16).toString('base64url');
  return signStatement(OPERATOR_TOKEN, { iss: key.fingerprint, aud: audience, jti }, key.privateKey, clock);
}

/**
 * Which key a token claims to be signed with, not yet verified: only to look the key up.
 * @throws `identity.refused`
 */
export function readOperatorTokenFingerprint(token: string): string {
  return readStatement(OPERATOR_TOKEN, token).claims.iss;
}

/**
 * Checks a token against the login key that was looked up by its fingerprint.
 * @throws `identity.refused`, a `StatementRefused` whose `reason` is for the audit log
 */
export async function verifyOperatorToken(
  token: string,
  options: {
    readonly publicKey: KeyObject;
    readonly audience: string;
    readonly seen: SeenOnce;
    readonly clock: Clock;
  },
): Promise<void> {
  const publicJwk = publicJwkOf(options.publicKey);
  const statement = readStatement(OPERATOR_TOKEN, token);
  if (statement.claims.iss !== sshFingerprintOf(publicJwk)) throw refusal(OPERATOR_TOKEN, 'wrong_issuer');
  const claims = await verifyStatement(statement, publicJwk, options.clock);
  if (claims.aud !== options.audience) throw refusal(OPERATOR_TOKEN, 'wrong_audience');
  const isNew = options.seen.add(`${claims.iss} ${claims.jti}`, rememberUntilMs(claims));
  if (!isNew) throw refusal(OPERATOR_TOKEN, 'replayed');
}
