import type { PassClaims } from '../../shared/identity/claims.ts';
import type { OperatorLocks } from '../admission/operator-locks.ts';
import type { PolicyLimits } from '../policy/limits.ts';
import { NO_LONGER_TRUSTED } from '../sessions/session.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';

/** Why a login is refused: the code for the log, the reason for the operator too. */
export interface LoginRefusal {
  readonly code: string;
  readonly reason: string;
}

/**
 * What may have changed between the pass and the proof of the key. Asked in the same turn in which the session is
 * entered into the registry: from then on, a lock finds it there, and so does whoever takes trust away.
 */
export function lateRefusal(
  asked: {
    readonly bastionName: string;
    readonly registry: Pick<SessionRegistry, 'refusal'>;
    readonly locks: Pick<OperatorLocks, 'isLocked'>;
    readonly stillTrusts: (vouchedBy: string | undefined) => boolean;
  },
  claims: PassClaims,
  limits: PolicyLimits,
): LoginRefusal | undefined {
  const full = asked.registry.refusal(claims.sub, limits);
  if (full !== undefined) return { code: 'bastion.busy', reason: full };
  if (asked.locks.isLocked(claims.sub))
    return { code: 'operator.locked', reason: `${asked.bastionName} does not let you in any more` };
  if (asked.stillTrusts(claims.vouched_by?.issuer)) return undefined;
  return { code: NO_LONGER_TRUSTED.code, reason: NO_LONGER_TRUSTED.message };
}
