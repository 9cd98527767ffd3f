import { setImmediate as nextTurn } from 'node:timers/promises';
import { marksIn } from './marks.ts';
import {
  type ProcessEntry,
  processIds,
  readAuditSession,
  readEntry,
  readEnvironment,
} from './process-table.ts';

/** Processes that are read before everything else of the agent has its turn. */
const SLICE_PROCESSES = 32;

/** A process, and the marks that it carries. */
export interface MarkedEntry extends ProcessEntry {
  readonly marks: readonly string[];
}

/** What one pass over /proc has found. */
export interface ProcessLook {
  readonly entries: readonly MarkedEntry[];
  /** The audit session of a process now; read once per look. */
  auditSessionOf(pid: number): string | undefined;
}

/**
 * Looks at all processes of the host, for everybody who wants to know at the same time: hundreds of connections may end
 * in one moment, and a pass over /proc for each of them keeps the agent from anything else for seconds.
 */
export class ProcessLooks {
  readonly #sinceTicks: number;
  #waiting: Promise<ProcessLook> | undefined;
  #current: Promise<unknown> = Promise.resolve();

  /** @param sinceTicks processes that were started before are left out */
  constructor(sinceTicks: number) {
    this.#sinceTicks = sinceTicks;
  }

  /** A look that begins after this call. */
  next(): Promise<ProcessLook> {
    this.#waiting ??= this.#behind(this.#current);
    return this.#waiting;
  }

  async #behind(current: Promise<unknown>): Promise<ProcessLook> {
    // How the look before went is for those who wait for it.
    await Promise.allSettled([current]);
    await nextTurn();
    this.#waiting = undefined;
    const look = this.#look();
    this.#current = look;
    return look;
  }

  async #look(): Promise<ProcessLook> {
    const entries: MarkedEntry[] = [];
    for (const [index, pid] of processIds().entries()) {
      if (index % SLICE_PROCESSES === SLICE_PROCESSES - 1) await nextTurn();
      const entry = readEntry(pid);
      if (entry === undefined || entry.startedTicks < this.#sinceTicks) continue;
      entries.push({ ...entry, marks: marksIn(readEnvironment(pid)) });
    }
    const audits = new Map<number, string | undefined>();
    const auditSessionOf = (pid: number): string | undefined => {
      if (!audits.has(pid)) audits.set(pid, readAuditSession(pid));
      return audits.get(pid);
    };
    return { entries, auditSessionOf };
  }
}
