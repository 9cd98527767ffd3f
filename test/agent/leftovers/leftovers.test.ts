import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlGroups } from '../../../agent/leftovers/control-groups.ts';
import { Leftovers } from '../../../agent/leftovers/leftovers.ts';
import { isSuperuser, ownAccount } from '../../../agent/shell/account.ts';
import { systemClock } from '../../../shared/clock.ts';
import { silentLogger } from '../../../shared/log.ts';
import { type BuiltinHost, startBuiltinHost } from '../../support/builtin-host.ts';
import { isAlive } from '../../support/demo.ts';
import { createTestKey, ISOLATED, runSsh, type TestKey } from '../../support/ssh-client.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

/** Each leaves a process behind that writes its id into the file `$1`. */
const DETACHED = [
  ['nohup', 'nohup sh -c \'echo $$ > "$0"; exec sleep 600\' "$1" >/dev/null 2>&1 </dev/null &'],
  [
    'setsid',
    'setsid sh -c \'echo $$ > "$0"; trap "" HUP TERM; sleep 600; :\' "$1" >/dev/null 2>&1 </dev/null &',
  ],
  [
    'a daemon that has forked twice',
    '(setsid sh -c \'sh -c "trap : HUP; echo \\$\\$ > $0; sleep 600; :" &\' "$1" >/dev/null 2>&1 </dev/null &)',
  ],
  [
    'one without an environment, in the same session',
    'env -i sh -c \'trap "" HUP; echo $$ > "$0"; sleep 600; :\' "$1" >/dev/null 2>&1 </dev/null &',
  ],
] as const;

/** Nothing of its start is left but the control group, so it needs one. */
const BARE = [
  'one without an environment or session',
  'setsid env -i sh -c \'trap "" HUP; echo $$ > "$0"; sleep 600; :\' "$1" >/dev/null 2>&1 </dev/null &',
] as const;

/** As on a system where none can be made. */
const NO_GROUPS = { create: () => undefined, left: () => [] };

const groups = isSuperuser() ? ControlGroups.find() : undefined;

describe.each([
  ['found by a control group', groups],
  ['found by their mark alone', undefined],
])('what a session leaves behind, %s', (_name, useGroups) => {
  const directory = createTemporaryDirectory();
  let key: TestKey;
  let host: BuiltinHost;
  let ends = true;

  beforeAll(async () => {
    key = await createTestKey(directory.path);
    const options = { owner: 'here', ends: () => ends, clock: systemClock, log: silentLogger() };
    host = await startBuiltinHost(key, { leftovers: new Leftovers(options, useGroups ?? NO_GROUPS) });
  });
  afterAll(async () => {
    await host.close();
    directory.remove();
  });

  async function leave(command: string): Promise<number> {
    const file = join(directory.path, `pid-${Math.random()}`);
    const where = [...ISOLATED, '-p', String(host.port), '-i', key.path, `${ownAccount().name}@127.0.0.1`];
    const wait = 'while ! [ -s "$1" ]; do sleep 0.05; done; echo left';
    const run = await runSsh([...where, `set -- ${file}; ${command}\n${wait}`]);
    expect(run.stdout, run.stderr).toBe('left\n');
    return Number(readFileSync(file, 'utf8'));
  }

  it('ends with it, however it was detached', async () => {
    const ways = useGroups === undefined ? DETACHED : [...DETACHED, BARE];
    const left = await Promise.all(
      ways.map(async ([what, command]) => ({ what, pid: await leave(command) })),
    );
    for (const { what, pid } of left)
      await waitFor(() => !isAlive(pid), { what: `the end of ${what}`, timeoutMs: 15_000 });
  });

  it('stays when the host keeps it', async () => {
    ends = false;
    const pid = await leave(DETACHED[0][1]);
    ends = true;
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });

  it('is gone when the agent has stopped, and with it what the one before had left', async () => {
    const options = { owner: 'other', ends: () => true, clock: systemClock, log: silentLogger() };
    const before = await startBuiltinHost(key, {
      leftovers: new Leftovers({ ...options, ends: () => false }, useGroups ?? NO_GROUPS),
    });
    const current = host;
    host = before;
    const pid = await leave(DETACHED[1][1]);
    await before.close();
    host = current;
    expect(isAlive(pid)).toBe(true);
    await new Leftovers(options, useGroups ?? NO_GROUPS).endThoseBefore();
    expect(isAlive(pid)).toBe(false);
  });
});

describe('control groups', () => {
  it('are not used where there is no writable second version', () => {
    const { path, remove } = createTemporaryDirectory();
    mkdirSync(join(path, 'v1'));
    writeFileSync(join(path, 'v1', 'tasks'), '');
    expect(ControlGroups.find([join(path, 'v1'), join(path, 'none')])).toBeUndefined();
    remove();
  });

  it.runIf(groups !== undefined)('leave no folder behind', () => {
    const group = groups?.create('left-test.1');
    expect(groups?.left('left-test.')).toHaveLength(1);
    expect(group?.pids()).toEqual([]);
    expect(group?.remove()).toBe(true);
    expect(groups?.left('left-test.')).toEqual([]);
  });
});
