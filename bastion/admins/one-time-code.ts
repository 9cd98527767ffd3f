import { generateSecret, generateURI, verifySync } from 'otplib';

/** A code of the step before is still taken, for slow fingers and clocks; one of the step after is not. */
const PAST_TOLERANCE_S = 30;

/** A new TOTP secret (RFC 6238: SHA-1, six digits, 30 s, as every authenticator app takes it), base32. */
export function createTotpSecret(): string {
  return generateSecret();
}

/** The `otpauth://` address that authenticator apps read. */
export function totpUri(secret: string, username: string, issuer: string): string {
  return generateURI({ issuer, label: username, secret });
}

/**
 * The time step that `code` belongs to, or undefined when it is wrong. The caller stores the step and takes none
 * that is not greater, so that a code is spent once.
 */
export function codeStep(secret: string, code: string, nowMs: number): number | undefined {
  const digits = code.replaceAll(/[\s-]/g, '');
  if (!/^\d{6}$/.test(digits)) return undefined;
  const result = verifySync({
    secret,
    token: digits,
    epoch: Math.floor(nowMs / 1000),
    epochTolerance: [PAST_TOLERANCE_S, 0],
  });
  return result.valid && 'timeStep' in result ? result.timeStep : undefined;
}
