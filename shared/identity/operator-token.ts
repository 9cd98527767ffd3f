import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { publicJwkOf, sshFingerprintOf } from './keys.ts';
import { OPERATOR_TOKEN_LIFETIME_S, OPERATOR_TOKEN_TYPE } from './operator-signature.ts';
import type { SeenOnce } from './seen-once.ts';
import {
  readStatement,
  refusal,
  rememberUntilMs,
  SMALL_STATEMENT_BYTES,
  type StatementKind,
  verifyStatement,
} from './statement.ts';

export { signOperatorToken } from './operator-signature.ts';

interface OperatorClaims {
  /** OpenSSH fingerprint of the login key. */
  readonly iss: string;
  readonly aud: string;
  readonly jti: string;
}

const text = z.string().min(1).max(256);

const OPERATOR_TOKEN: StatementKind<OperatorClaims> = {
  typ: OPERATOR_TOKEN_TYPE,
  what: 'operator token',
  code: 'identity.refused',
  lifetimeS: OPERATOR_TOKEN_LIFETIME_S,
  claims: z.object({ iss: text, aud: text, jti: text }),
  limitBytes: SMALL_STATEMENT_BYTES,
};

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
