import { readFileSync } from 'node:fs';
import { uptime } from 'node:os';

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

/**
 * Milliseconds that an opening still has: by the calendar, and, while the machine has not been started anew, by its own
 * running time as well; the less of both.
 */
export function leftOf(
  wallLeftMs: number,
  boot: { readonly id: string; readonly untilUptimeMs: number } | undefined,
  machine: Machine,
): number {
  const { bootId, uptimeMs } = machine();
  if (boot === undefined || boot.id !== bootId) return wallLeftMs;
  return Math.min(wallLeftMs, boot.untilUptimeMs - uptimeMs);
}
