import { AsyncLocalStorage } from 'node:async_hooks';
import { DrawbridgeError } from '../errors.ts';

/** More than this many waiting at once is a fault of the caller, and is refused instead of held in memory. */
export const WAITING_LIMIT = 10_000;

/**
 * Lets one piece of work run at a time, in the order of asking.
 *
 * Asking for a turn from inside one would wait for itself for ever; it throws instead.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  readonly #current = new AsyncLocalStorage<{ running: boolean }>();

  /** @throws `store.busy` when {@link WAITING_LIMIT} is reached */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#current.getStore()?.running === true) {
      throw new Error('inside a transaction, use the database that the transaction was given');
    }
    if (this.#waiting >= WAITING_LIMIT) {
      throw new DrawbridgeError('store.busy', 'The database has more to do than it can keep up with.');
    }
    this.#waiting += 1;
    const before = this.#last;
    let done = () => {};
    this.#last = new Promise((resolve) => {
      done = resolve;
    });
    await before;
    this.#waiting -= 1;
    const turn = { running: true };
    try {
      return await this.#current.run(turn, work);
    } finally {
      turn.running = false;
      done();
    }
  }
}
