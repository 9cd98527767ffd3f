import type { Reloaded } from '../shared/config/live-config.ts';
import { DrawbridgeError, messageOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';
import type { ReloadableRole } from '../shared/role.ts';

/** Reads the config file of a running role anew, on SIGHUP or when its control socket is asked to. */
export class Reload<Config> {
  readonly #load: () => Promise<Config>;
  readonly #log: Logger;
  #role: ReloadableRole<Config> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(load: () => Promise<Config>, log: Logger) {
    this.#load = load;
    this.#log = log;
  }

  /** The role is up. */
  isUp(role: ReloadableRole<Config>): void {
    this.#role = role;
  }

  /**
   * Takes over what may change while the role runs. A file with a fault changes nothing.
   * @throws `config.*`, `role.starting`
   */
  run(): Promise<Reloaded> {
    const done = this.#last.then(() => this.#once());
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** The same for a signal, which nobody hears the answer to. */
  async onSignal(): Promise<void> {
    try {
      await this.run();
    } catch (error) {
      this.#log.error({ err: error }, `the configuration stays as it was: ${messageOf(error)}`);
    }
  }

  async #once(): Promise<Reloaded> {
    if (this.#role === undefined) {
      throw new DrawbridgeError('role.starting', 'The role is not up yet.', {
        hint: 'Try again in a moment.',
      });
    }
    const reloaded = await this.#role.reload(await this.#load());
    this.#log.info(reloaded, 'the configuration was read anew');
    if (reloaded.waiting.length > 0) {
      this.#log.warn(`these keys count from the next start: ${reloaded.waiting.join(', ')}`);
    }
    return reloaded;
  }
}
