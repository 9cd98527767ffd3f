import { createHash, randomInt } from 'node:crypto';
import type { FactorStore } from '../store/factor-store.ts';

/** Codes that an operator gets at once. */
export const RECOVERY_CODES_COUNT = 10;

const GROUPS = 4;
const GROUP_CHARACTERS = 4;
/** Without look-alikes (0/o, 1/l/i), since people copy it from paper. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';

/** Ten codes of 4 × 4 characters, 79 random bits each: enough that a plain hash of them can't be turned back. */
export function createRecoveryCodes(): readonly string[] {
  const group = (): string =>
    Array.from({ length: GROUP_CHARACTERS }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
  return Array.from({ length: RECOVERY_CODES_COUNT }, () => Array.from({ length: GROUPS }, group).join('-'));
}

/** What is kept of a code. The user name is part of it, so that hashes of two users can't be compared. */
export function recoveryCodeHash(username: string, code: string): string {
  return createHash('sha256')
    .update(`${username}\n${bare(code)}`)
    .digest('base64url');
}

/** Whether a text can be a recovery code at all; a code of an authenticator never can. */
export function looksLikeRecoveryCode(text: string): boolean {
  const code = bare(text);
  return code.length === GROUPS * GROUP_CHARACTERS && [...code].every((letter) => ALPHABET.includes(letter));
}

/** Spends a recovery code; of several who come with one at the same time, one gets it. */
export function spendRecoveryCode(
  factors: Pick<FactorStore, 'spendRecoveryCode'>,
  username: string,
  code: string,
  nowMs: number,
): Promise<boolean> {
  return factors.spendRecoveryCode(username, recoveryCodeHash(username, code), nowMs);
}

function bare(code: string): string {
  return code.toLowerCase().replace(/[\s-]/g, '');
}
