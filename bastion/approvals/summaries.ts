import type { Grant } from './grant.ts';
import type { ParkedRequest } from './parked-request.ts';

/** A request as users see it. */
export interface ApprovalRequestSummary {
  readonly id: string;
  readonly operator: string;
  /** Nothing was ever granted to an operator of this name here. */
  readonly newcomer?: true;
  readonly host: string;
  readonly login: string;
  readonly role: string;
  readonly action: string;
  readonly session: string;
  readonly source?: string;
  readonly reason?: string;
  readonly askedAt: string;
  readonly expiresAt: string;
  /** Longest time that may be granted. */
  readonly forMs: number;
  readonly approversNeeded: number;
  readonly approvedBy: readonly string[];
}

/** A grant as users see it. */
export interface GrantSummary {
  readonly id: string;
  readonly request: string;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly role: string;
  readonly reason?: string;
  readonly approvedBy: readonly string[];
  readonly grantedAt: string;
  readonly until: string;
}

export function requestSummary(request: ParkedRequest, isNewcomer: boolean): ApprovalRequestSummary {
  const { ask, need, askedAtMs } = request;
  return {
    id: request.id,
    ...ask,
    ...(isNewcomer ? { newcomer: true } : {}),
    role: need.role,
    askedAt: new Date(askedAtMs).toISOString(),
    expiresAt: new Date(askedAtMs + need.rule.wait).toISOString(),
    forMs: need.rule.for,
    approversNeeded: need.rule.approvers,
    approvedBy: request.approvals.map(({ actor }) => actor),
  };
}

export function grantSummary(grant: Grant): GrantSummary {
  const { grantedAtMs, untilMs, ...rest } = grant;
  return {
    ...rest,
    grantedAt: new Date(grantedAtMs).toISOString(),
    until: new Date(untilMs).toISOString(),
  };
}
