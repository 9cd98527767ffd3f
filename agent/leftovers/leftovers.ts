import { randomBytes } from 'node:crypto';
import type { Clock } from '../../shared/clock.ts';
import type { Logger } from '../../shared/log.ts';
import { type ControlGroup, ControlGroups } from './control-groups.ts';
import { ProcessLooks } from './process-looks.ts';
import { readEntry } from './process-table.ts';
import { Sweep } from './sweep.ts';

/** How long a pending timer keeps the process alive at a time, while there is something to wait for. */
const AWAKE_MS = 1_000;

export interface LeftoversOptions {
  /** Tells this agent's processes from those of another on the same machine. */
  readonly owner: string;
  /** Whether what a connection has started ends with it. */
  readonly ends: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What one connection of the bastion has started on this host. */
export interface ConnectionProcesses {
  /** Value of `DRAWBRIDGE_SESSION` for each of its processes. */
  readonly mark: string;
  /** File that each of its processes writes `0` into before anything else, when there is one. */
  readonly joinPath: string | undefined;
  /** Something is being started: the end of the connection waits until it can be found. */
  starting(start: Promise<unknown>): void;
  /** The connection has ended: so does everything of it. Resolves when nothing is left. Never rejects. */
  end(): Promise<void>;
}

/**
 * Ends what is left of connections that are over: daemons, `nohup`, `setsid`, tmux servers.
 *
 * They are found by a control group of the kernel where this process may make one, and besides by `findMarked`.
 * Who is root on this host can still get out of it, by asking another daemon of the system (cron, systemd-run, a
 * container's) to start something.
 */
export class Leftovers {
  readonly #options: LeftoversOptions;
  readonly #groups: Pick<ControlGroups, 'create' | 'left'> | undefined;
  readonly #looks: ProcessLooks;
  readonly #endings = new Set<Promise<void>>();

  constructor(
    options: LeftoversOptions,
    groups: Pick<ControlGroups, 'create' | 'left'> | undefined = ControlGroups.find(),
  ) {
    this.#options = options;
    this.#groups = groups;
    this.#looks = new ProcessLooks(readEntry(process.pid)?.startedTicks ?? 0);
  }

  /** A connection begins. */
  begin(): ConnectionProcesses {
    const mark = `${this.#options.owner}.${randomBytes(9).toString('hex')}`;
    const group = this.#groups?.create(mark);
    const starts = new Set<Promise<unknown>>();
    return {
      mark,
      joinPath: group?.joinPath,
      starting(start) {
        const settled: Promise<unknown> = start.then(
          () => starts.delete(settled),
          () => starts.delete(settled),
        );
        starts.add(settled);
      },
      end: () =>
        this.#keep(async () => {
          await Promise.all(starts);
          await this.#end(mark, group === undefined ? [] : [group], this.#looks);
        }),
    };
  }

  /** Ends what an agent before this one has left behind, when it was killed. */
  async endThoseBefore(): Promise<void> {
    const prefix = `${this.#options.owner}.`;
    await this.#keep(() => this.#end(prefix, this.#groups?.left(prefix) ?? [], new ProcessLooks(0)));
  }

  /** Resolves when all that have ended are through. */
  async settled(): Promise<void> {
    // The clock's timers keep no process alive, and nothing else may be left that does.
    const awake = setInterval(() => undefined, AWAKE_MS);
    await Promise.all(this.#endings);
    clearInterval(awake);
  }

  #keep(work: () => Promise<void>): Promise<void> {
    const ending: Promise<void> = work()
      .catch((error: unknown) =>
        this.#options.log.error({ err: error }, 'what a session has left could not be ended'),
      )
      .finally(() => this.#endings.delete(ending));
    this.#endings.add(ending);
    return ending;
  }

  async #end(mark: string, groups: readonly ControlGroup[], looks: ProcessLooks): Promise<void> {
    const { clock, log, ends } = this.#options;
    if (!ends()) {
      for (const group of groups) group.remove();
      return;
    }
    const { ended, left } = await new Sweep(mark, groups, looks, clock).run();
    if (ended.length > 0) log.info({ pids: ended }, 'ended what a session had left running');
    if (left.length > 0) log.warn({ pids: left }, 'processes of a session that has ended can not be ended');
  }
}
