import type { Clock, Timer } from '../shared/clock.ts';

/** How often written bytes are brought to the disk: the most that a power cut can take. */
export const SYNC_PERIOD_MS = 1000;

/** Node has four threads for file work: more at once would keep others from theirs. */
const SYNCS_AT_ONCE = 2;

/** One file that wants to be synchronised. It handles its own failures and never rejects. */
export interface SyncTask {
  /** True when there is something to bring to the disk. */
  readonly due: boolean;
  run(): Promise<void>;
}

/**
 * Runs the tasks of all recordings of a process once per {@link SYNC_PERIOD_MS}, at most {@link SYNCS_AT_ONCE} at a
 * time, off the hot path. A round that takes longer than the period delays the next.
 */
export class SyncSchedule {
  readonly #clock: Clock;
  readonly #tasks = new Set<SyncTask>();
  #timer: Timer | undefined;
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds a task. Returns how to take it out again. */
  add(task: SyncTask): () => void {
    this.#tasks.add(task);
    this.#timer ??= this.#clock.every(SYNC_PERIOD_MS, () => {
      if (!this.#running) void this.#round();
    });
    return () => {
      this.#tasks.delete(task);
      if (this.#tasks.size > 0) return;
      this.#timer?.cancel();
      this.#timer = undefined;
    };
  }

  async #round(): Promise<void> {
    this.#running = true;
    const queue = [...this.#tasks].filter((task) => task.due);
    const worker = async () => {
      for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
        // Taken out meanwhile: its file is closed, and its descriptor may be another file's by now.
        if (this.#tasks.has(task)) await task.run();
      }
    };
    try {
      await Promise.all(Array.from({ length: SYNCS_AT_ONCE }, worker));
    } finally {
      this.#running = false;
    }
  }
}
