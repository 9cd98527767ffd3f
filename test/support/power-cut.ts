import type * as fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

type Files = typeof fs;

/** Steps on files that still happen; from the one after on, nothing does, as after `kill -9`. */
export interface Power {
  stepsLeft: number;
}

/** What a step ends with that no longer happens. */
export class PowerCut extends Error {
  constructor() {
    super('the power was cut');
  }
}

/**
 * `node:fs/promises` under a {@link Power}, for `vi.mock`: every step that changes something on the disk counts, tidying
 * up included, and a write that is cut leaves the half of it.
 */
export function filesUnder(power: Power, real: Files): Files {
  const spend = (): void => {
    power.stepsLeft -= 1;
    if (power.stepsLeft < 0) throw new PowerCut();
  };
  const step =
    <Given extends unknown[], Result>(run: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      spend();
      return run(...given);
    };
  const open = async (...given: Parameters<Files['open']>): Promise<FileHandle> => {
    spend();
    const file = await real.open(...given);
    const { writeFile, sync, chown } = file;
    file.sync = step(sync.bind(file));
    file.chown = step(chown.bind(file));
    file.writeFile = async (data, options) => {
      if (power.stepsLeft < 1 && typeof data === 'string')
        await writeFile.call(file, data.slice(0, data.length / 2), options);
      spend();
      await writeFile.call(file, data, options);
    };
    return file;
  };
  return { ...real, open, rename: step(real.rename), rm: step(real.rm) };
}
