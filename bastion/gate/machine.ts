import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import type { Clock } from '../../shared/clock.ts';

/** What a machine says of its own running. */
export type Machine = () => {
  /** Another one after each start of the machine; undefined where the system does not tell. */
  readonly bootId: string | undefined;
  /** Milliseconds since it was started. Setting the calendar does not change it. */
  readonly uptimeMs: number;
};

/** The machine that this process runs on. Its boot id is what Linux gives; elsewhere there is none. */
export const thisMachine: Machine = () => ({ bootId: readBootId(), uptimeMs: uptime() * 1000 });

function readBootId(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 64);
  } catch {
    return undefined;
  }
}

/** An end by the running time of a machine. */
export interface BootEnd {
  readonly id: string;
  readonly untilUptimeMs: number;
}

/** What is known of time when something that has an end is found on the disk. */
export interface KnownTime {
  readonly clock: Clock;
  /** For tests; {@link thisMachine} unless given. */
  readonly machine?: Machine;
  /** A moment that is known to be over, in milliseconds since the epoch: that of the last audit event. */
  readonly lastKnownMs?: number;
}

/** The end that comes in `leftMs` by the running time of the machine, to be kept with that of the calendar. */
export function bootEndIn(leftMs: number, machine: Machine = thisMachine): BootEnd | undefined {
  const { bootId, uptimeMs } = machine();
  return bootId === undefined ? undefined : { id: bootId, untilUptimeMs: uptimeMs + leftMs };
}

/**
 * Milliseconds that are left until an end that was kept: by the calendar, which does not go back behind what is known to
 * be over, and, while the machine has not been started anew, by its own running time as well; the less of both.
 */
export function leftOf(end: { readonly untilMs: number; readonly boot?: BootEnd }, known: KnownTime): number {
  const { clock, machine = thisMachine, lastKnownMs } = known;
  const wallLeftMs = end.untilMs - Math.max(clock.nowMs(), lastKnownMs ?? 0);
  const { bootId, uptimeMs } = machine();
  if (end.boot === undefined || end.boot.id !== bootId) return wallLeftMs;
  return Math.min(wallLeftMs, end.boot.untilUptimeMs - uptimeMs);
}
