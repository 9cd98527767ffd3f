import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { carryEnvironment } from '../../../agent/shell/carried-environment.ts';

/** What a program finds that was started with the variables; `shell` runs the script. */
function arrived(env: Record<string, string>, shell = '/bin/sh'): Record<string, string> {
  const carried = carryEnvironment(env);
  const [, ...script] = carried.line;
  const run = spawnSync(shell, [...script, '/usr/bin/env', '-0'], {
    env: carried.env,
    encoding: 'utf8',
    ...(shell.endsWith('bash') ? { argv0: 'sh' } : {}),
  });
  if (run.status !== 0) throw new Error(run.stderr);
  const found = run.stdout.split('\0').map((entry) => {
    const at = entry.indexOf('=');
    return [entry.slice(0, at), entry.slice(at + 1)] as const;
  });
  return Object.fromEntries(found.filter(([name]) => !/^(?:PWD|OLDPWD|SHLVL|_|)$/.test(name)));
}

describe('variables on their way', () => {
  it('arrive as they were, whatever is in them, and nothing else does', () => {
    const values = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    const env = fc.record({ LANG: values, A_1: values, lower: values, IFS: values });
    fc.assert(
      fc.property(env, (variables) => {
        expect(arrived(variables)).toEqual(variables);
      }),
      { numRuns: 20 },
    );
    expect(arrived({})).toEqual({});
  });

  it('have no name before they have arrived that anything obeys', () => {
    const { env, line } = carryEnvironment({ LD_PRELOAD: '/mine.so', PATH: '/mine' });
    expect(Object.keys(env)).toEqual(['DRAWBRIDGE_LATER_LD_PRELOAD', 'DRAWBRIDGE_LATER_PATH']);
    expect(line.join(' ')).not.toContain('mine');
  });

  it.each(['/bin/sh', '/bin/bash'].filter(existsSync))(
    'keep nothing from starting with a name that %s does not take',
    (shell) => {
      const odd = { 'BASH_FUNC_x%%': '() { false; }', 'a b': '', '1': 'x', UID: '5', EUID: '5', PPID: '1' };
      const hostile = { 'X="$(touch /tmp/x)"; Y': 'z' };
      expect(arrived({ ...odd, ...hostile, KEPT: 'yes' }, shell)).toEqual({ KEPT: 'yes' });
    },
  );
});
