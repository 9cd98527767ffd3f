import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRolePlace } from '../../cli/role-config.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function configured(text: string): Promise<string> {
  const path = join(temporaryDirectory(), 'role.yaml');
  await writeFile(path, text);
  return path;
}

describe('readRolePlace', () => {
  it('resolves paths against the folder of the file', async () => {
    const path = await configured('role: bastion\ndataDir: data\n');
    const folder = join(path, '..');
    expect(await readRolePlace(path)).toEqual({
      role: 'bastion',
      configPath: path,
      dataDir: join(folder, 'data'),
      socketPath: join(folder, 'data', 'control.sock'),
      recordingsDir: join(folder, 'data', 'recordings'),
    });
  });

  it('finds recordings that are kept elsewhere', async () => {
    const path = await configured('role: bastion\ndataDir: /d\nrecordings: { directory: /r }\n');
    expect((await readRolePlace(path)).recordingsDir).toBe('/r');
  });

  it('works in spite of faults elsewhere in the file, so that access can be turned off', async () => {
    const path = await configured('role: bastion\ndataDir: /d\nhttps: { port: nonsense }\nfrobnicate: 1\n');
    expect((await readRolePlace(path)).dataDir).toBe('/d');
  });

  it.each([
    ['no role', 'dataDir: d\n', 'role'],
    ['no data directory', 'role: proxy\n', 'dataDir'],
    ['no YAML', 'role: [\n', 'YAML'],
    ['a list', '- a\n', 'keys'],
  ])('names the fault when there is %s', async (_name, text, named) => {
    await expect(readRolePlace(await configured(text))).rejects.toMatchObject({
      code: 'config.invalid',
      message: expect.stringContaining(named),
    });
  });

  it('says when there is no such file', async () => {
    await expect(readRolePlace('/nowhere.yaml')).rejects.toMatchObject({ code: 'config.missing' });
  });
});
