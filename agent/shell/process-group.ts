import { constants } from 'node:os';
import type { Clock } from '../../shared/clock.ts';
import { systemCodeOf } from '../../shared/errors.ts';
import { KILL_AFTER_MS } from './host-process.ts';

/** Signals that a client may send (RFC 4254, section 6.10), without `SIG`. */
const CLIENT_SIGNALS: ReadonlySet<string> = new Set([
  'ABRT',
  'ALRM',
  'FPE',
  'HUP',
  'ILL',
  'INT',
  'KILL',
  'PIPE',
  'QUIT',
  'SEGV',
  'TERM',
  'USR1',
  'USR2',
]);

/** A process that leads a group of its own, and all that it has started in that group. */
export class ProcessGroup {
  readonly #pid: number;
  readonly #clock: Clock;

  constructor(pid: number, clock: Clock) {
    this.#pid = pid;
    this.#clock = clock;
  }

  /** A signal that a client named; others than those of RFC 4254 are ignored. */
  signal(name: string): void {
    if (CLIENT_SIGNALS.has(name)) this.#send(`SIG${name}`);
  }

  /** Hangs up now, and kills whatever of the group is left after {@link KILL_AFTER_MS}. */
  hangUp(): void {
    if (!this.#send('SIGHUP')) return;
    // A stopped process would sleep through the signal.
    this.#send('SIGCONT');
    this.#clock.after(KILL_AFTER_MS, () => this.#send('SIGKILL'));
  }

  /** False when nobody of the group is left, or none may be reached. */
  #send(signal: string): boolean {
    try {
      process.kill(-this.#pid, signal);
      return true;
    } catch (error) {
      const code = systemCodeOf(error);
      // ESRCH: all gone. EPERM: only processes that have become somebody else are left (a `sudo`).
      if (code === 'ESRCH' || code === 'EPERM') return false;
      throw error;
    }
  }
}

/** Name of a signal's number, without `SIG`; `TERM` for one that this system doesn't know. */
export function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found === undefined ? 'TERM' : found[0].slice(3);
}
