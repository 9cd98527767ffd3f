import { timingSafeEqual } from 'node:crypto';
import type { AdmittedStream } from '../admission/admission.ts';
import { decide, type PolicyDecision } from '../policy/decide.ts';
import type { SessionIdentity } from '../sessions/session.ts';
import { requestOf } from '../sessions/session-decision.ts';
import type { SessionServices } from './session-context.ts';

/** Who wants to sign in on which host as whom: what the pass says, and the login that the client named. */
export function identityOf(
  { claims, host, source }: Pick<AdmittedStream, 'claims' | 'host' | 'source'>,
  login: string,
): Omit<SessionIdentity, 'id' | 'startedAt'> {
  return {
    operator: claims.sub,
    groups: claims.groups,
    amr: claims.amr,
    ...(claims.device === undefined ? {} : { device: claims.device }),
    host: host.name,
    login,
    ...(source === undefined ? {} : { source }),
    passId: claims.jti,
    ...(claims.vouched_by === undefined ? {} : { vouchedBy: claims.vouched_by.issuer }),
  };
}

/** What the policy in force says to a login, with the labels that the host has now. */
export function decideLogin(
  { policy, clock }: Pick<SessionServices, 'policy' | 'clock'>,
  identity: Omit<SessionIdentity, 'id' | 'startedAt'>,
  labels: Readonly<Record<string, string>>,
): PolicyDecision {
  return decide(policy.policy, requestOf(identity, labels, { kind: 'login' }, clock));
}

/** Whether a key is the one that the pass binds. */
export function isBoundKey(fingerprint: string, bound: string): boolean {
  const left = Buffer.from(fingerprint);
  const right = Buffer.from(bound);
  return left.length === right.length && timingSafeEqual(left, right);
}
