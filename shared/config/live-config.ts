import { isDeepStrictEqual } from 'node:util';

/** What became of a configuration that was read anew. Keys are dotted, as in the reference. */
export interface Reloaded {
  /** In force from now on. */
  readonly taken: readonly string[];
  /** Differ as well, and count from the next start. */
  readonly waiting: readonly string[];
}

/**
 * The configuration of a role that runs. Some keys may change while it does; whoever reads them asks {@link now} each
 * time.
 */
export class LiveConfig<Config extends object> {
  readonly #live: readonly string[];
  #now: Config;

  /** @param live keys that may change; such a key stands for all below it */
  constructor(config: Config, live: readonly string[]) {
    this.#now = config;
    this.#live = live;
  }

  get now(): Config {
    return this.#now;
  }

  /** What {@link take} would do. */
  compare(next: Config): Reloaded {
    const differing = differingKeys(this.#now, next);
    const isLive = (key: string) => this.#live.some((one) => key === one || key.startsWith(`${one}.`));
    return { taken: differing.filter(isLive), waiting: differing.filter((key) => !isLive(key)) };
  }

  /** Puts the live keys of `next` in force. */
  take(next: Config): Reloaded {
    const reloaded = this.compare(next);
    this.#now = this.#live.reduce((config, key) => withKeyOf(config, next, key.split('.')), this.#now);
    return reloaded;
  }
}

/** Dotted keys whose values differ; a list counts as one value. */
function differingKeys(before: unknown, after: unknown, prefix = ''): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isSection(before) || !isSection(after)) return [prefix];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) =>
    differingKeys(before[key], after[key], prefix === '' ? key : `${prefix}.${key}`),
  );
}

function withKeyOf<T>(config: T, next: T, path: readonly string[]): T {
  const [key, ...rest] = path;
  if (key === undefined || !isSection(config) || !isSection(next)) return next;
  const { [key]: before, ...others } = config;
  if (!(key in next)) return others as T;
  return { ...config, [key]: rest.length === 0 ? next[key] : withKeyOf(before, next[key], rest) };
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
