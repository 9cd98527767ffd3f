import { randomUUID } from 'node:crypto';
import type { ApprovalDesk, WhichRequests } from '../../bastion/approvals/desk.ts';
import type { ApprovalRequestSummary, GrantSummary } from '../../bastion/approvals/summaries.ts';
import type { AuditSink } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';

/** A desk in memory at which a test lets operators wait; what is answered is an event in `audit`. */
export class FakeDesk implements ApprovalDesk {
  readonly messages: (string | undefined)[] = [];
  readonly #audit: AuditSink;
  #requests: readonly ApprovalRequestSummary[] = [];
  #grants: readonly GrantSummary[] = [];

  constructor(audit: AuditSink) {
    this.#audit = audit;
  }

  async ask(ask: Partial<ApprovalRequestSummary> = {}): Promise<ApprovalRequestSummary> {
    const request: ApprovalRequestSummary = {
      id: `r-${randomUUID().slice(0, 8)}`,
      operator: 'alice',
      host: 'db-1',
      login: 'root',
      role: 'production',
      action: 'shell',
      session: 's-waiting',
      source: '203.0.113.7',
      askedAt: new Date(Date.now() - 90_000).toISOString(),
      expiresAt: new Date(Date.now() + 510_000).toISOString(),
      forMs: 7_200_000,
      approversNeeded: 1,
      approvedBy: [],
      ...ask,
    };
    this.#requests = [...this.#requests, request];
    await this.#audit.append({ type: 'approval.requested', actor: `operator:${request.operator}` });
    return request;
  }

  list() {
    return { requests: this.#requests, grants: this.#grants };
  }

  async grant(actor: string, id: string, forMs?: number): Promise<GrantSummary> {
    const { operator, host, login, role, reason, forMs: longestMs } = this.#take(id);
    const grant: GrantSummary = {
      id: `g-${randomUUID().slice(0, 8)}`,
      request: id,
      operator,
      host,
      login,
      role,
      ...(reason === undefined ? {} : { reason }),
      approvedBy: [actor],
      grantedAt: new Date().toISOString(),
      until: new Date(Date.now() + (forMs ?? longestMs)).toISOString(),
    };
    this.#grants = [...this.#grants, grant];
    await this.#audit.append({ type: 'approval.granted', actor: 'system' });
    return grant;
  }

  async refuse(_actor: string, id: string, message?: string): Promise<void> {
    this.#take(id);
    this.messages.push(message);
    await this.#audit.append({ type: 'approval.refused', actor: 'system' });
  }

  async refuseAll(actor: string, which: WhichRequests, message?: string): Promise<number> {
    const refused = this.#requests.filter(
      ({ operator, newcomer }) =>
        (which.operator === undefined || which.operator === operator) &&
        (which.newcomers !== true || newcomer === true),
    );
    for (const { id } of refused) await this.refuse(actor, id, message);
    return refused.length;
  }

  async revoke(_actor: string, id: string, message?: string): Promise<void> {
    this.#grants = this.#grants.filter((grant) => grant.id !== id);
    this.messages.push(message);
    await this.#audit.append({ type: 'approval.revoked', actor: 'system' });
  }

  locks() {
    return [];
  }

  lock(): never {
    throw new DrawbridgeError('operator.not_found', 'This desk locks nobody out.');
  }

  unlock(): never {
    throw new DrawbridgeError('operator.not_found', 'Nobody is locked out.');
  }

  endSessions() {
    return 0;
  }

  #take(id: string): ApprovalRequestSummary {
    const request = this.#requests.find((one) => one.id === id);
    if (request === undefined) throw new DrawbridgeError('approval.not_found', 'No such request waits.');
    this.#requests = this.#requests.filter((one) => one !== request);
    return request;
  }
}
