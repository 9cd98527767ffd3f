import { DrawbridgeError } from '../errors.ts';

/** More than this many waiting at once is a fault of the caller, and is refused instead of held in memory. */
export const WAITING_LIMIT = 10_000;

/** Longest wait for a turn. Work that asks for a turn from inside its own would wait for ever otherwise. */
export const WAIT_LIMIT_MS = 30_000;

/**
 * Lets one piece of work run at a time, in the order of asking.
 *
 * It does not look who asks: an AsyncLocalStorage, which could tell, costs every promise and socket of the process.
 */
export class Turns {
  readonly #waitLimitMs: number;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #running = false;

  constructor(waitLimitMs = WAIT_LIMIT_MS) {
    this.#waitLimitMs = waitLimitMs;
  }

  /** @throws `store.busy` when {@link WAITING_LIMIT} wait already, or after {@link WAIT_LIMIT_MS} in vain */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= WAITING_LIMIT) throw busy();
    const before = this.#last;
    let done = () => {};
    this.#last = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await this.#wait(before);
    } catch (error) {
      // Whoever comes behind still has to wait for what was before this one.
      void before.then(done);
      throw error;
    }
    this.#running = true;
    try {
      return await work();
    } finally {
      this.#running = false;
      done();
    }
  }

  async #wait(before: Promise<void>): Promise<void> {
    this.#waiting += 1;
    let timer: NodeJS.Timeout | undefined;
    try {
      if (!this.#running && this.#waiting === 1) await before;
      else {
        const tooLong = new Promise<never>((_resolve, reject) => {
          timer = setTimeout(() => reject(busy()), this.#waitLimitMs);
          timer.unref();
        });
        await Promise.race([before, tooLong]);
      }
    } finally {
      clearTimeout(timer);
      this.#waiting -= 1;
    }
  }
}

function busy(): DrawbridgeError {
  return new DrawbridgeError('store.busy', 'The database has more to do than it can keep up with.');
}
