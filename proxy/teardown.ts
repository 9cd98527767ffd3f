import { messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';

/** What ends with the role, in the reverse order of its beginning. */
export class Teardown {
  readonly #steps: (() => Promise<void>)[] = [];
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  add(step: () => Promise<void> | void): void {
    this.#steps.push(async () => step());
  }

  /** Runs every step, also when one fails. */
  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        this.#log.error({ err: error }, `a part of the proxy did not end in order: ${messageOf(error)}`);
      }
    }
  }
}
