import type { AuditSink } from '../../shared/audit/event.ts';
import type { Egress } from '../../shared/egress/egress.ts';
import type { Logger } from '../../shared/log.ts';
import type { Database } from '../../shared/store/database.ts';
import { OperatorLocks } from '../admission/operator-locks.ts';
import type { Gate } from '../gate/gate.ts';
import type { KnownTime } from '../gate/machine.ts';
import type { Policy } from '../policy/schema.ts';
import { DecisionWatch } from '../sessions/decision-watch.ts';
import type { SessionRegistry } from '../sessions/session-registry.ts';
import { SessionUpkeep } from '../sessions/session-upkeep.ts';
import type { Approvals } from './approvals.ts';
import type { ApprovalsConfig } from './config.ts';
import { type ApprovalDesk, openDesk } from './desk.ts';
import { openApprovals } from './open-approvals.ts';

export interface OpenDecisionsParts extends KnownTime {
  readonly config: ApprovalsConfig;
  readonly bastionName: string;
  readonly database: Database;
  readonly audit: AuditSink;
  readonly egress: () => Egress;
  readonly registry: SessionRegistry;
  readonly policy: { readonly policy: Policy };
  readonly gate: Gate;
  readonly labelsOf: (host: string) => Readonly<Record<string, string>>;
  readonly log: Logger;
  readonly teardown: { add(step: () => Promise<void> | void): void };
}

/** What decides about live sessions, besides the gate. */
export interface Decisions {
  readonly approvals: Approvals;
  readonly locks: OperatorLocks;
  readonly desk: ApprovalDesk;
  /** Decides about all live sessions again: for when the policy or the gate has changed. */
  readonly recheck: () => void;
}

/**
 * Puts together what keeps the decisions about live sessions up to date: policy, approvals, locks, time and limits.
 * @throws `store.*`, `audit.unavailable`
 */
export async function openDecisions(parts: OpenDecisionsParts): Promise<Decisions> {
  const { bastionName, database, audit, registry, policy, gate, labelsOf, clock, teardown } = parts;
  const recheck = (approvalEnded?: string): void =>
    registry.recheck({
      policy: policy.policy,
      labelsOf,
      grantsOf: (operator) => approvals.grantsOf(operator),
      ...(approvalEnded === undefined ? {} : { approvalEnded }),
    });
  const approvals = await openApprovals({ ...parts, onEnded: recheck, onGranted: () => recheck() });
  const watch = new DecisionWatch({ sessions: () => registry.live, recheck: () => recheck(), clock });
  teardown.add(() => watch.close());
  const locks = await OperatorLocks.open({
    database,
    audit,
    clock,
    onLocked: ({ operator }, by) => {
      const message = `${bastionName} does not let you in any more.`;
      registry.endOfOperator(operator, { code: 'operator.locked', message, by });
      approvals.withdraw(operator);
    },
  });
  const upkeep = new SessionUpkeep({
    sessions: () => registry.live,
    gateClosesAtMs: () => {
      const { until } = gate.status;
      return until === undefined ? undefined : Date.parse(until);
    },
    clock,
  });
  teardown.add(() => upkeep.close());
  const desk = openDesk({ bastionName, approvals, locks, registry });
  return { approvals, locks, desk, recheck: () => recheck() };
}
