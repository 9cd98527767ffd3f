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
