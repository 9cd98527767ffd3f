import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requireOwnFolder } from '../../../shared/config/role-folder.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

describe('the folder of a role', () => {
  it('is one that no other role has', async () => {
    const dir = temporaryDirectory();
    await requireOwnFolder(dir, 'bastion');
    await requireOwnFolder(join(dir, 'not-there'), 'bastion');
    writeFileSync(join(dir, 'bastion.yaml'), 'role: bastion\n');
    await requireOwnFolder(dir, 'bastion');
    await expect(requireOwnFolder(dir, 'agent')).rejects.toMatchObject({
      code: 'init.other_role',
      message: `The folder ${dir} is the one of a bastion.`,
    });
    await expect(requireOwnFolder(dir, 'proxy')).rejects.toMatchObject({ code: 'init.other_role' });
  });
});
