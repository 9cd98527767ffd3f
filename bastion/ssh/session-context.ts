import type { AgeRecipient } from '../../recordings/encryption/age-recipient.ts';
import type { SyncSchedule } from '../../recordings/sync-schedule.ts';
import type { AuditEventInput, AuditEventType, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { OperatorLocks } from '../admission/operator-locks.ts';
import type { RefusalLog } from '../admission/refusal-log.ts';
import type { Approvals } from '../approvals/approvals.ts';
import type { ApprovalNeed } from '../policy/approval.ts';
import { decide, type PolicyAction, type PolicyDecision } from '../policy/decide.ts';
import type { Policy } from '../policy/schema.ts';
import type { Session } from '../sessions/session.ts';
import { requestOf } from '../sessions/session-decision.ts';
import type { SessionStore } from '../sessions/session-store.ts';
import type { HostLink } from './host-link.ts';

/** What all sessions of a bastion share. */
export interface SessionServices {
  /** The bastion's name. */
  readonly bastionName: string;
  readonly audit: AuditSink;
  readonly refusals: RefusalLog;
  readonly store: SessionStore;
  readonly policy: { readonly policy: Policy };
  readonly locks: Pick<OperatorLocks, 'isLocked'>;
  readonly approvals: Pick<Approvals, 'grantsOf' | 'request'>;
  /** Absolute path. */
  readonly recordingsDirectory: string;
  readonly recordingSync: SyncSchedule;
  /** Who alone can read recordings once they are written; without it they are not encrypted. */
  readonly encryptTo?: readonly AgeRecipient[];
  readonly clock: Clock;
  readonly log: Logger;
}

type EventFields = Omit<AuditEventInput, 'type' | 'actor'>;

/** One session, as its channels see it. */
export class SessionContext {
  readonly services: SessionServices;
  readonly session: Session;
  readonly link: HostLink;
  /** True once the policy has let a channel of this session ask for the operator's SSH agent. */
  agentForwarding = false;
  readonly #labels: () => Readonly<Record<string, string>>;

  constructor(options: {
    services: SessionServices;
    session: Session;
    link: HostLink;
    labels: () => Readonly<Record<string, string>>;
  }) {
    this.services = options.services;
    this.session = options.session;
    this.link = options.link;
    this.#labels = options.labels;
  }

  /** Asks the policy in force at this moment. */
  decide(action: PolicyAction): PolicyDecision {
    const { policy, approvals, clock } = this.services;
    const { identity } = this.session;
    const grants = approvals.grantsOf(identity.operator);
    return decide(policy.policy, { ...requestOf(identity, this.#labels(), action, clock), grants });
  }

  /** What has to be asked for before this action, when that is all that is missing. */
  approvalNeed(action: PolicyAction): ApprovalNeed | undefined {
    const decision = this.decide(action);
    return decision.allow ? undefined : decision.approval;
  }

  /** The grant by which this action is allowed, when it takes one. */
  grantFor(action: PolicyAction): string | undefined {
    const decision = this.decide(action);
    return decision.allow ? decision.grant : undefined;
  }

  /** Whether the policy wants what is sent to a command's standard input kept. */
  keepsStdin(action: PolicyAction): boolean {
    const decision = this.decide(action);
    return decision.allow && decision.keepsStdin === true;
  }

  /** The bastion may sign in on the host, in the name of this session's operator. */
  allowHostSignIn(): void {
    const { operator, id } = this.session.identity;
    this.link.allowSignIn({ operator, session: id });
  }

  /**
   * Enters an event of this session.
   * @throws `audit.unavailable`, after the session was told to end.
   */
  async record(type: AuditEventType, fields: EventFields): Promise<void> {
    try {
      await this.services.audit.append(this.#event(type, fields));
    } catch (error) {
      this.endForEvidence(error);
      throw error;
    }
  }

  /** Like {@link record} for what is refused: of a flood, the rest is counted only. */
  async recordRefusal(type: AuditEventType, fields: EventFields): Promise<void> {
    try {
      await this.services.refusals.add(this.#event(type, fields));
    } catch (error) {
      this.endForEvidence(error);
      throw error;
    }
  }

  #event(type: AuditEventType, fields: EventFields): AuditEventInput {
    const { id, operator, host, login } = this.session.identity;
    return { type, actor: `operator:${operator}`, operator, session: id, host, login, ...fields };
  }

  /** Evidence can't be written: nothing may go on in this session. Gives back what its operator is told. */
  endForEvidence(error: unknown): string {
    const fault = isDrawbridgeError(error)
      ? error
      : new DrawbridgeError('evidence.unavailable', 'Evidence of this session can not be written.', {
          cause: error,
        });
    this.services.log.error(
      { err: error, session: this.session.identity.id },
      'a session ends for want of evidence',
    );
    const message = `${this.services.bastionName} can no longer record this session, so it ends. ${fault.message}`;
    this.session.end({ code: fault.code, message });
    return message;
  }
}
