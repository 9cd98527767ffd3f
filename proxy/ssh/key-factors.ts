import { KEY_AND_CODE_AMR } from '../accounts/sign-in.ts';
import type { OfferedKey } from './sign-in-progress.ts';

/** RFC 8176: a hardware key says so by its type, and whether it has checked its user (PIN or finger). */
export function amrOfKeyAndCode(key: OfferedKey): readonly string[] {
  if (!key.type.startsWith('sk-')) return KEY_AND_CODE_AMR;
  return ['hwk', ...(key.userVerified ? ['user', 'uv'] : []), 'otp', 'mfa'];
}

/** The same without a code: a hardware key that has checked its user is two factors by itself, all others are one. */
export function amrOfKey(key: OfferedKey): readonly string[] {
  if (!key.type.startsWith('sk-')) return ['swk'];
  return key.userVerified ? ['hwk', 'user', 'uv', 'mfa'] : ['hwk', 'user'];
}
