import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../../../shared/store/directory-lock.ts';
import { startTypeScriptChild } from '../../support/inline-child.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('the lock of a directory', () => {
  it('is had by one at a time, and can be had again after it was let go', async () => {
    const directory = join(temporaryDirectory(), 'made', 'here');
    const lock = await lockDirectory(directory);
    await expect(lockDirectory(directory)).rejects.toMatchObject({
      code: 'store.locked',
      message: `Another Drawbridge process has ${directory} open.`,
    });
    await lock.release();
    await (await lockDirectory(directory)).release();
  });

  it('keeps a second process out, and ends with a process that is killed', async () => {
    const directory = temporaryDirectory();
    const child = await startTypeScriptChild(`
      import { lockDirectory } from 'project/shared/store/directory-lock.ts';
      await lockDirectory(${JSON.stringify(directory)});
      console.log('locked');
      setInterval(() => {}, 1000);
    `);
    await once(child.stdout, 'data');
    await expect(lockDirectory(directory)).rejects.toMatchObject({ code: 'store.locked' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await lockDirectory(directory)).release();
  });

  it('says which file could not be opened', async () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, '');
    await expect(lockDirectory(path)).rejects.toMatchObject({ code: 'store.unreadable' });
  });
});
