import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ownName } from '../../shared/own-name.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { buildChildScript } from '../support/typescript-child.ts';

it('is the name of the account', () => {
  expect(ownName()).toBe(userInfo().username);
});

// Only root can become a number that nobody has.
it.runIf(process.getuid?.() === 0)('is the number where it has no name', async () => {
  const folder = temporaryDirectory();
  chmodSync(folder, 0o755);
  const entry = join(folder, 'entry.ts');
  writeFileSync(
    entry,
    `import { ownName } from ${JSON.stringify(join(process.cwd(), 'shared/own-name.ts'))};\nprocess.stdout.write(ownName());\n`,
  );
  const script = await buildChildScript(entry, folder);
  const run = spawnSync(process.execPath, [script], { uid: 54_321, gid: 54_321, encoding: 'utf8' });
  expect(run.stdout, run.stderr).toBe('uid-54321');
});
