import { generateSecret, generateURI, verifySync } from 'otplib';
import type { Clock } from '../../shared/clock.ts';
import type { FactorStore } from '../store/factor-store.ts';
import type { AccountStore } from '../store/store.ts';
import { looksLikeRecoveryCode, spendRecoveryCode } from './recovery-codes.ts';

/** A code is good for its own 30 s and for 30 s more, for clocks that are late and people who type slowly. */
const LATE_TOLERANCE_S = 30;

/** A fresh secret for one-time codes (RFC 6238: SHA-1, 6 digits, 30 s), in base32. */
export function createTotpSecret(): string {
  return generateSecret();
}

/** The `otpauth://` address that authenticator apps read from a QR code. */
export function totpUriOf(proxyName: string, username: string, secret: string): string {
  return generateURI({ issuer: `Drawbridge ${proxyName}`, label: username, secret });
}

/**
 * Checks a code of the authenticator, or a recovery code in its place, and spends it. Of several who come with one
 * code at the same time, one gets it; the database decides, not this process.
 */
export async function spendCode(
  stores: {
    readonly accounts: Pick<AccountStore, 'spendTimeStep'>;
    readonly factors: Pick<FactorStore, 'spendRecoveryCode'>;
  },
  account: { readonly username: string; readonly totpSecret: string },
  code: string,
  clock: Clock,
): Promise<'right' | 'right_recovery' | 'wrong' | 'spent'> {
  if (looksLikeRecoveryCode(code)) {
    // A spent recovery code is not told from a wrong one: both are only hashes here.
    const { username } = account;
    return (await spendRecoveryCode(stores.factors, username, code, clock.nowMs()))
      ? 'right_recovery'
      : 'wrong';
  }
  const timeStep = timeStepOf(account.totpSecret, code, clock);
  if (timeStep === undefined) return 'wrong';
  return (await stores.accounts.spendTimeStep(account.username, timeStep)) ? 'right' : 'spent';
}

/** The time step that the code is of, when it is one of the secret's that count now; undefined otherwise. */
export function timeStepOf(secret: string, code: string, clock: Clock): number | undefined {
  const digits = code.replace(/[\s-]/g, '');
  // otplib throws on anything that is not six digits.
  if (!/^\d{6}$/.test(digits)) return undefined;
  const result = verifySync({
    secret,
    token: digits,
    epoch: Math.floor(clock.nowMs() / 1000),
    epochTolerance: [LATE_TOLERANCE_S, 0],
  });
  return result.valid && 'timeStep' in result ? result.timeStep : undefined;
}
