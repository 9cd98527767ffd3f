import type { Clock } from '../../shared/clock.ts';
import { systemCodeOf } from '../../shared/errors.ts';
import type { ControlGroup } from './control-groups.ts';
import { findMarked } from './find-marked.ts';
import type { ProcessLooks } from './process-looks.ts';
import { readEntry } from './process-table.ts';

/** How long what is left of a connection may take to end after it was hung up; then it is killed. */
export const GRACE_MS = 2_000;

/** Looks are this far apart while something is left. */
const LOOK_PERIOD_MS = 50;

/** So many looks must find nothing: one look is no snapshot, and what forks while it goes on can be missed by it. */
const EMPTY_LOOKS = 3;

/** What is still there then (a process that waits for a dead disk) is given up. */
const GIVE_UP_MS = 30_000;

/** Ids of what was found and told to end, and of what is still there. */
export interface SweepResult {
  readonly ended: readonly number[];
  readonly left: readonly number[];
}

/** Ends all processes of one mark: hangs up, waits, kills, and looks until none is left. */
export class Sweep {
  readonly #mark: string;
  readonly #groups: readonly ControlGroup[];
  readonly #looks: Pick<ProcessLooks, 'next'>;
  readonly #clock: Clock;
  readonly #hungUp = new Set<number>();

  constructor(
    mark: string,
    groups: readonly ControlGroup[],
    looks: Pick<ProcessLooks, 'next'>,
    clock: Clock,
  ) {
    this.#mark = mark;
    this.#groups = groups;
    this.#looks = looks;
    this.#clock = clock;
  }

  async run(): Promise<SweepResult> {
    const startMs = this.#clock.monotonicMs();
    let left: readonly number[] = [];
    for (let empty = 0; empty < EMPTY_LOOKS; ) {
      const known = this.#groups.flatMap((group) => group.pids());
      // A look that fails (too many files are open) says nothing: what is known of is ended all the same.
      const seen = await this.#look(known).catch(() => undefined);
      left = seen ?? known;
      // A control group that is empty is the kernel's own word; the look was for what had been moved out of it.
      if (seen?.length === 0 && this.#groups.length > 0 && known.length === 0) break;
      empty = seen?.length === 0 ? empty + 1 : 0;
      const sinceMs = this.#clock.monotonicMs() - startMs;
      if (sinceMs >= GIVE_UP_MS) break;
      if (sinceMs >= GRACE_MS) this.#kill(left);
      else this.#hangUp(left);
      await new Promise<void>((resolve) => this.#clock.after(LOOK_PERIOD_MS, resolve));
    }
    for (const group of this.#groups) group.remove();
    return { ended: [...this.#hungUp], left };
  }

  async #look(known: readonly number[]): Promise<number[]> {
    const found = findMarked(await this.#looks.next(), this.#mark, known, ownLine());
    // Of what may not be reached (an agent that is not root, and a `sudo`) there is no use in waiting for the end.
    return found.filter((pid) => send(pid, 0));
  }

  #hangUp(pids: readonly number[]): void {
    for (const pid of pids) {
      if (this.#hungUp.has(pid)) continue;
      this.#hungUp.add(pid);
      send(pid, 'SIGHUP');
      // A stopped process would sleep through the signal.
      send(pid, 'SIGCONT');
    }
  }

  #kill(pids: readonly number[]): void {
    for (const group of this.#groups) group.kill();
    for (const pid of pids) {
      this.#hungUp.add(pid);
      send(pid, 'SIGKILL');
    }
  }
}

/** This process and those above it. */
function ownLine(): Set<number> {
  const line = new Set<number>([1]);
  for (let pid = process.pid; pid > 1 && !line.has(pid); pid = readEntry(pid)?.parent ?? 1) line.add(pid);
  return line;
}

/** False when it is gone, or may not be reached: it has become somebody else than we are. */
function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    const code = systemCodeOf(error);
    if (code === 'ESRCH' || code === 'EPERM') return false;
    throw error;
  }
}
