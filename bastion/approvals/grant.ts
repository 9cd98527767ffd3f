import type { Actor } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { type BootEnd, type KnownTime, leftOf } from '../gate/machine.ts';
import type { PolicyGrant } from '../policy/approval.ts';

/** Longest reason and message that are kept. */
export const TEXT_LIMIT_CHARACTERS = 500;

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
  /** The same end by the running time of the machine, for the next start of this process. */
  readonly boot?: BootEnd;
}

/** A grant in force: its end by both clocks, so that setting one back does not make it longer. */
export interface ActiveGrant extends Grant {
  readonly untilMonotonicMs: number;
}

/** Puts `grant` in force. Undefined when it is over, or lies in the future since the clock was set back. */
export function activate(grant: Grant, known: KnownTime): ActiveGrant | undefined {
  const { clock } = known;
  const leftMs = leftOf(grant, known);
  if (leftMs <= 0 || grant.grantedAtMs > clock.nowMs()) return undefined;
  return { ...grant, untilMonotonicMs: clock.monotonicMs() + leftMs };
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
