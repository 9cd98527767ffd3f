import { AsyncLocalStorage } from 'node:async_hooks';
import { resolve } from 'node:path';

/**
 * The folder of the config file that is being read, for the fields that hold paths. Set for the time of one parse
 * and seen by that parse alone.
 */
class ConfigFolder {
  readonly #folder = new AsyncLocalStorage<string>();

  /** Runs `parse` with `folder` as the place where relative paths start. */
  during<T>(folder: string, parse: () => T): T {
    return this.#folder.run(folder, parse);
  }

  /** `path` made absolute: from the config file's folder, or from the working directory outside of a parse. */
  resolve(path: string): string {
    return resolve(this.#folder.getStore() ?? '.', path);
  }
}

export const configFolder = new ConfigFolder();
