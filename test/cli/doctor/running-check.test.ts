import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runChecks } from '../../../cli/doctor/finding.ts';
import { answers, running } from '../../../cli/doctor/running-check.ts';
import { VERSION } from '../../../cli/version.ts';
import { ControlServer } from '../../../shared/control/server.ts';
import { silentLogger } from '../../../shared/log.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const look = (path: string) =>
  runChecks([running(path, 'bastion', () => [])], new AbortController().signal, () => undefined);

async function roleOf(status: () => Promise<{ version: string }>) {
  const path = join(temporaryDirectory(), 'control.sock');
  const server = await ControlServer.listen(path, { status }, silentLogger());
  onTestFinished(() => server.close());
  return path;
}

describe('the check whether a role runs', () => {
  it('takes one of the version of this command', async () => {
    const path = await roleOf(async () => ({ version: VERSION }));
    expect(await answers(path)).toBe(true);
    expect((await look(path)).map(({ state }) => state)).toEqual(['ok', 'ok']);
  });

  it('warns of one that was not started anew after an upgrade', async () => {
    expect(await look(await roleOf(async () => ({ version: '0.0.1' })))).toContainEqual(
      expect.objectContaining({ state: 'warn', text: expect.stringContaining('of version 0.0.1') }),
    );
  });

  it('warns when none runs', async () => {
    const path = join(temporaryDirectory(), 'control.sock');
    expect(await answers(path)).toBe(false);
    expect(await look(path)).toMatchObject([{ state: 'warn', text: 'The bastion does not run.' }]);
  });

  it('fails when one does not answer as it should', async () => {
    const path = await roleOf(() => Promise.reject(new Error('out of order')));
    expect(await look(path)).toMatchObject([{ state: 'fail' }]);
  });
});
