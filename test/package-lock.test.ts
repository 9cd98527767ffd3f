import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const path = fileURLToPath(new URL('../package-lock.json', import.meta.url));
const lock = JSON.parse(readFileSync(path, 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

describe('the lock file', () => {
  // npm leaves out what its registry does not have for other platforms; `npm ci` then refuses the whole file.
  it('has an entry for every optional dependency, of other platforms too', () => {
    const missing = Object.entries(lock.packages).flatMap(([where, locked]) =>
      Object.keys(locked.optionalDependencies ?? {})
        .filter(
          (name) =>
            !(`node_modules/${name}` in lock.packages) && !(`${where}/node_modules/${name}` in lock.packages),
        )
        .map((name) => `${where} wants ${name}`),
    );
    expect(missing).toEqual([]);
  });
});
