import type { Actor } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import type { PolicyGrant } from '../policy/approval.ts';

/** A customer's approval: one operator, one host, one login, by one role, for a time. */
export interface Grant {
  readonly id: string;
  readonly request: string;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly role: string;
  readonly reason?: string;
  readonly approvedBy: readonly Actor[];
  /** Milliseconds since the epoch. */
  readonly grantedAtMs: number;
  readonly untilMs: number;
}

/** A grant in force: its end by both clocks, so that setting one back does not make it longer. */
export interface ActiveGrant extends Grant {
  readonly untilMonotonicMs: number;
}

/** Puts `grant` in force. Undefined when it is over, or lies in the future since the clock was set back. */
export function activate(grant: Grant, clock: Clock): ActiveGrant | undefined {
  const nowMs = clock.nowMs();
  if (grant.untilMs <= nowMs || grant.grantedAtMs > nowMs) return undefined;
  return { ...grant, untilMonotonicMs: clock.monotonicMs() + grant.untilMs - nowMs };
}

/** Milliseconds until the grant ends; 0 or less when it has. */
export function grantLeftMs(grant: ActiveGrant, clock: Clock): number {
  return Math.min(grant.untilMs - clock.nowMs(), grant.untilMonotonicMs - clock.monotonicMs());
}

/** What a decision looks at. */
export function policyGrantOf(grant: Grant): PolicyGrant {
  const { id, operator, host, login, role, untilMs, approvedBy } = grant;
  return { id, operator, host, login, role, untilMs, approvers: approvedBy.length };
}
