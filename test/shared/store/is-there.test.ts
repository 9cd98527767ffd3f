import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isThere } from '../../../shared/store/is-there.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('whether something is there', () => {
  it('is said of files and folders, not of what is missing or of a link that leads nowhere', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'file'), '');
    symlinkSync(join(folder, 'missing'), join(folder, 'link'));
    expect(await isThere(folder)).toBe(true);
    expect(await isThere(join(folder, 'file'))).toBe(true);
    for (const name of ['missing', 'link', 'file/inside'])
      expect(await isThere(join(folder, name))).toBe(false);
  });
});
