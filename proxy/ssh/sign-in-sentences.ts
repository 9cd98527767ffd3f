import type { EndedWhy } from '../accounts/operators.ts';
import type { SignInResult } from '../accounts/sign-in.ts';

/** For a client that has no key left to offer. */
export const ADVICE =
  'None of your keys is known here. Run `drawbridge login`, or ask the administrator to register your public key.\r\n';

/** For who has signed with the key of a login that has ended. */
export const ENDED: Readonly<Record<EndedWhy, string>> = {
  expired: 'Your login has expired. Run `drawbridge login` and try again.',
  logged_out: 'Your login has ended. Run `drawbridge login` and try again.',
  disabled: 'Your account is disabled. Ask the administrator of the proxy.',
  device_revoked:
    'This device has been revoked. Ask the administrator of the proxy, and enrol it anew: drawbridge device enroll',
};

/** Who reads this has proven a registered key, so it may say what is wrong with the code. */
export function sentenceFor(result: Extract<SignInResult, { ok: false }>): string {
  switch (result.reason) {
    case 'spent_code':
      return 'This code has been used already. Wait for the next one.';
    case 'limited':
      return `There were too many failed tries. Try again in ${Math.ceil((result.waitMs ?? 0) / 1000)} seconds.`;
    case 'disabled':
      return ENDED.disabled;
    default:
      return 'This code is wrong. Type the one that your authenticator shows now.';
  }
}
