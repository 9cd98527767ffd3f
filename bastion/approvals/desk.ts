import type { Actor } from '../../shared/audit/event.ts';
import { saidText } from '../../shared/plain-text.ts';
import type { OperatorLock, OperatorLocks } from '../admission/operator-locks.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import type { Approvals } from './approvals.ts';
import { type ApprovalRequestSummary, type GrantSummary, grantSummary, requestSummary } from './summaries.ts';

/** Longest message to operators whose sessions are ended. */
const MESSAGE_LIMIT_CHARACTERS = 500;

/** An operator who is locked out, as users see it. */
export interface LockSummary {
  readonly operator: string;
  readonly reason?: string;
  readonly lockedBy: string;
  readonly lockedAt: string;
}

/** Which of the requests that wait: those for which all that is said holds. */
export interface WhichRequests {
  readonly operator?: string | undefined;
  /** Only those of operators to whom nothing was ever granted here. */
  readonly newcomers?: boolean | undefined;
}

/** What the customer's people decide about operators, by whatever way they come. */
export interface ApprovalDesk {
  list(): { readonly requests: readonly ApprovalRequestSummary[]; readonly grants: readonly GrantSummary[] };
  /** The grant, when this approval was the last that was needed. @throws see {@link Approvals.grant} */
  grant(actor: Actor, id: string, forMs?: number): Promise<GrantSummary | undefined>;
  /** @throws see {@link Approvals.refuse} */
  refuse(actor: Actor, id: string, message?: string): Promise<void>;
  /** Refuses all of one operator, of all newcomers, or all; says how many. @throws see {@link Approvals.refuseAll} */
  refuseAll(actor: Actor, which: WhichRequests, message?: string): Promise<number>;
  /** @throws see {@link Approvals.revoke} */
  revoke(actor: Actor, id: string, message?: string): Promise<void>;
  locks(): readonly LockSummary[];
  /** @throws see {@link OperatorLocks.lock} */
  lock(actor: Actor, operator: string, reason?: string): Promise<LockSummary>;
  /** @throws see {@link OperatorLocks.unlock} */
  unlock(actor: Actor, operator: string): Promise<void>;
  /** Ends the live sessions of one operator, or of all, before it returns. Says how many. */
  endSessions(actor: Actor, which: { readonly operator?: string }, message?: string): number;
}

/** The {@link ApprovalDesk} of a running bastion. */
export function openDesk(parts: {
  readonly bastionName: string;
  readonly approvals: Approvals;
  readonly locks: OperatorLocks;
  readonly registry: SessionRegistry;
}): ApprovalDesk {
  const { bastionName, approvals, locks, registry } = parts;
  return {
    list: () => ({
      requests: approvals.requests.map((request) =>
        requestSummary(request, approvals.isNewcomer(request.ask.operator)),
      ),
      grants: approvals.grants.map(grantSummary),
    }),
    async grant(actor, id, forMs) {
      const grant = await approvals.grant(actor, id, forMs);
      return grant === undefined ? undefined : grantSummary(grant);
    },
    refuse: (actor, id, message) => approvals.refuse(actor, id, message),
    refuseAll: (actor, { operator, newcomers }, message) =>
      approvals.refuseAll(
        actor,
        ({ ask }) =>
          (operator === undefined || ask.operator === operator) &&
          (newcomers !== true || approvals.isNewcomer(ask.operator)),
        message,
      ),
    revoke: (actor, id, message) => approvals.revoke(actor, id, message),
    locks: () => locks.list().map(lockSummary),
    lock: async (actor, operator, reason) => lockSummary(await locks.lock(actor, operator, reason)),
    unlock: (actor, operator) => locks.unlock(actor, operator),
    endSessions(actor, { operator }, message) {
      const said = saidText(message, MESSAGE_LIMIT_CHARACTERS);
      const because = said === undefined ? '' : `: ${said}`;
      const ending = {
        code: 'session.ended_by_admin',
        message: `${bastionName} has ended this session${because}`,
        by: actor,
      };
      // The events that say who ended them are the sessions' own: ending must not wait for anything.
      return operator === undefined ? registry.endAll(ending) : registry.endOfOperator(operator, ending);
    },
  };
}

function lockSummary({ lockedAtMs, ...lock }: OperatorLock): LockSummary {
  return { ...lock, lockedAt: new Date(lockedAtMs).toISOString() };
}
