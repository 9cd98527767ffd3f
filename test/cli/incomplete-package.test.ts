import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { incompletePackage } from '../../cli/incomplete-package.ts';
import { messageOf } from '../../shared/errors.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const require = createRequire(import.meta.url);

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('a package without its compiled part', () => {
  it('is told from other errors by what sqlite3 throws, with what to type', () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'package.json'), '{}');
    const bindings = createRequire(require.resolve('sqlite3'))('bindings');
    const error = thrownBy(() => bindings({ bindings: 'node_sqlite3.node', module_root: folder }));
    expect(messageOf(error)).toContain('Could not locate');
    expect(incompletePackage(error)).toMatchObject({
      code: 'package.incomplete',
      hint: expect.stringContaining('--allow-scripts=sqlite3,ssh2'),
    });
  });

  it('is told by what Node.js throws when the part is for another system, and names it', () => {
    const path = join(temporaryDirectory(), 'node_sqlite3.node');
    writeFileSync(path, 'no program');
    const shown = incompletePackage(thrownBy(() => require(path)));
    expect(shown?.code).toBe('package.incomplete');
    expect(shown?.message).toContain('node_sqlite3.node');
    expect(shown?.hint).toContain('--build-from-source');
  });

  it('is none of other errors', () => {
    expect(incompletePackage(new Error('Could not connect'))).toBeUndefined();
    expect(incompletePackage(undefined)).toBeUndefined();
  });
});
