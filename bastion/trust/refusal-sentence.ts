import type { DrawbridgeError } from '../../shared/errors.ts';
import { IdTokenRefused } from '../../shared/identity/provider/refusal.ts';

/** What an operator is told whose identity was not accepted. */
export interface IdentityRefusal {
  readonly sentence: string;
  readonly hint?: string;
}

const SIGN_IN_AGAIN = 'Sign in again with: drawbridge login --provider NAME';

/** One plain sentence for the operator. The precise reason is for the customer's audit log alone. */
export function identityRefusal(error: DrawbridgeError, bastion: string): IdentityRefusal {
  if (!(error instanceof IdTokenRefused)) {
    return {
      sentence: `${bastion} did not accept what the proxy says about you. Try again, or tell the vendor.`,
    };
  }
  switch (error.fault) {
    case 'missing':
      return {
        sentence: `${bastion} takes operators only by their identity provider's own word, and this login has none.`,
        hint: 'Sign in with: drawbridge login --provider NAME (without --device-code)',
      };
    case 'login_too_old':
      return { sentence: `${bastion} asks for a younger sign-in than yours.`, hint: SIGN_IN_AGAIN };
    case 'groups_overage':
      return {
        sentence: `Your identity provider left your groups out because you are in too many, so ${bastion} can't check them.`,
        hint: 'Ask the vendor to send only the groups that are assigned to the application.',
      };
    case 'keys_too_old':
    case 'keys_unavailable':
      return {
        sentence: `${bastion} can't check your identity now, since it can't reach your identity provider's keys.`,
        hint: "Tell the customer's administrator.",
      };
    default:
      return {
        sentence: `${bastion} did not accept your identity provider's word about you.`,
        hint: SIGN_IN_AGAIN,
      };
  }
}
