import type { Clock } from '../../shared/clock.ts';
import type { PolicyGrant } from '../policy/approval.ts';
import { decide, type PolicyAction, type PolicyDecision, type PolicyRequest } from '../policy/decide.ts';
import { strictestLimits } from '../policy/limits.ts';
import type { Policy } from '../policy/schema.ts';
import type { Session, SessionEnding, SessionIdentity } from './session.ts';

/** What live sessions are decided by. */
export interface DecisionRules {
  readonly policy: Policy;
  readonly labelsOf: (host: string) => Readonly<Record<string, string>>;
  readonly grantsOf: (operator: string) => readonly PolicyGrant[];
  /** Why approvals end at this moment, when that is why it is looked: a whole sentence. */
  readonly approvalEnded?: string;
}

/**
 * Decides again about a live session and all that goes on in it. Notes until when the answer holds, what bounds the
 * session and when it is known to end; gives back why it has to end now, if it has.
 */
export function recheckSession(
  session: Session,
  rules: DecisionRules,
  clock: Clock,
): SessionEnding | undefined {
  const { policy, labelsOf, grantsOf } = rules;
  const { identity } = session;
  const labels = labelsOf(identity.host);
  const grants = grantsOf(identity.operator);
  const actions: PolicyAction[] = [{ kind: 'login' }];
  for (const channel of session.openChannels) actions.push(channel.action);
  const allowed: Extract<PolicyDecision, { allow: true }>[] = [];
  let untilMs = Number.POSITIVE_INFINITY;
  let windowMs = Number.POSITIVE_INFINITY;
  for (const action of actions) {
    const request = { ...requestOf(identity, labels, action, clock), grants };
    const decision = decide(policy, request);
    if (!decision.allow) return { code: decision.code, message: endingSentence(decision, rules) };
    allowed.push(decision);
    if (decision.untilMs === undefined) continue;
    untilMs = Math.min(untilMs, decision.untilMs);
    const then = decide(policy, { ...request, timeMs: decision.untilMs });
    if (!then.allow && then.code !== 'policy.approval') windowMs = Math.min(windowMs, decision.untilMs);
  }
  const used = new Set(allowed.map(({ grant }) => grant));
  const grantMs = Math.min(...grants.filter(({ id }) => used.has(id)).map((grant) => grant.untilMs));
  const { loginMs } = session.ends;
  session.decidedUntilMs = untilMs;
  session.limits = strictestLimits(allowed.map(({ limits }) => limits));
  session.ends = {
    ...(loginMs === undefined ? {} : { loginMs }),
    ...(Number.isFinite(windowMs) ? { windowMs } : {}),
    ...(Number.isFinite(grantMs) ? { grantMs } : {}),
  };
  return undefined;
}

function endingSentence(
  { code, reason }: Extract<PolicyDecision, { allow: false }>,
  { approvalEnded }: DecisionRules,
): string {
  if (code === 'policy.approval')
    return approvalEnded ?? `The approval for this session has ended: ${reason}.`;
  const byTime = code === 'policy.window' || code === 'policy.valid';
  return byTime ? `Your time for this session is over: ${reason}.` : `The policy has changed: ${reason}.`;
}

/** What the policy is asked about a session. */
export function requestOf(
  who: Pick<SessionIdentity, 'operator' | 'groups' | 'amr' | 'device' | 'host' | 'login' | 'source'>,
  labels: Readonly<Record<string, string>>,
  action: PolicyAction,
  clock: Clock,
): PolicyRequest {
  return {
    operator: who.operator,
    groups: who.groups,
    amr: who.amr,
    ...(who.device === undefined ? {} : { device: who.device }),
    host: who.host,
    labels,
    login: who.login,
    action,
    timeMs: clock.nowMs(),
    ...(who.source === undefined ? {} : { source: who.source }),
  };
}
