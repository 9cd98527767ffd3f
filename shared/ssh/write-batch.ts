import type { Writable } from 'node:stream';

/** A batch goes out when it has this much, or when the event loop has dealt with what came in. */
export const BATCH_BYTES = 64 * 1024;

/**
 * Gathers the packets of one turn of the event loop into one write: a system call, a TLS record and a tunnel frame for
 * many packets instead of one each. What is written outside of a batch keeps its order.
 */
export class WriteBatch {
  readonly #stream: Writable;
  #open = false;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** To be called before each write. Opens a batch, unless one is open. */
  begin(): void {
    if (this.#open) {
      if (this.#stream.writableLength < BATCH_BYTES) return;
      this.#flush();
    }
    if (this.#stream.destroyed || this.#stream.writableEnded) return;
    this.#open = true;
    this.#stream.cork();
    // Behind the reads that are ready now, and before anything is waited for: nobody's keystroke waits for a timer.
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#stream.uncork();
  }
}
