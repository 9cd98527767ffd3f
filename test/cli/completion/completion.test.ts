import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { captureCommand } from '../../support/captured-command.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

const isInstalled = (shell: Shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0;

/** Stands in for the command that the scripts ask for hosts. */
const HOSTS = `drawbridge() { [ "$*" = "completion hosts" ] && printf '%s\\n' web-1.acme web-2.acme db-1.acme; }`;

const scripts = new Map<Shell, string>();
beforeAll(async () => {
  for (const shell of SHELLS) scripts.set(shell, (await captureCommand(['completion', shell])).out);
});

/** What the shell offers for the last word of a line. */
function offered(shell: Shell, line: string): readonly string[] {
  const script = scripts.get(shell) ?? '';
  const dir = temporaryDirectory();
  mkdirSync(join(dir, 'folder-x'));
  writeFileSync(join(dir, 'file-x.yaml'), '');
  const run = (text: string) => {
    writeFileSync(join(dir, '.script'), text);
    const env = { PATH: process.env['PATH'], HOME: dir };
    return spawnSync(shell, ['.script'], { cwd: dir, encoding: 'utf8', env });
  };
  const ask = {
    bash: () => {
      const words = line.split(' ').map((word) => `'${word}'`);
      return `${HOSTS}\n${script}\nCOMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}\n_drawbridge; printf '%s\\n' "\${COMPREPLY[@]}"`;
    },
    zsh: () => {
      // compadd and _describe only work while a line is edited: here they print what they were given.
      const words = line.split(' ').map((word) => `'${word}'`);
      const inner = script
        .replace('if [[ $funcstack[1]', 'if false && [[ $funcstack[1]')
        .replace('else compdef _drawbridge drawbridge;', 'else :;');
      return `${HOSTS}
_describe() { local name=\${@[-1]}; for one in \${(P)name}; do [[ $one == \${words[CURRENT]}* ]] && print -r -- \${one%%:*}; done }
compadd() { shift; for one in \${(P)1}; do [[ $one == \${words[CURRENT]#*@}* ]] && print -r -- $one; done }
compset() { : }
_files() { print -rl -- \${words[CURRENT]}*(N) }
${inner}
words=(${words.join(' ')}); CURRENT=${words.length}
_drawbridge`;
    },
    fish: () => `function drawbridge; printf '%s\\n' web-1.acme web-2.acme db-1.acme; end
${script}
complete -C '${line}'`,
  }[shell]();
  const { stdout, stderr } = run(ask);
  expect(stderr).toBe('');
  // fish adds what each is for, behind a tab.
  return stdout
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => text.split('\t')[0] ?? '');
}

describe.each(SHELLS)('completion for %s', (shell) => {
  const itRuns = it.skipIf(!isInstalled(shell));

  itRuns('completes verbs at every depth', () => {
    expect(offered(shell, 'drawbridge pro')).toEqual(['proxy']);
    expect(offered(shell, 'drawbridge proxy ')).toEqual(
      expect.arrayContaining(['init', 'start', 'user', 'bastion', 'device']),
    );
    expect(offered(shell, 'drawbridge proxy user key ')).toEqual(expect.arrayContaining(['add', 'ls', 'rm']));
    expect(offered(shell, 'drawbridge proxy user key ')).not.toContain('groups');
  });

  itRuns('completes the options of the verb that is written, and of no other', () => {
    const options = offered(shell, 'drawbridge access on --');
    expect(options).toContain('--for');
    expect(options).not.toContain('--parallel');
  });

  itRuns('finds the verb behind options with values', () => {
    expect(offered(shell, 'drawbridge access off --config x.yaml --re')).toEqual(['--reason']);
  });

  itRuns('completes files where an option takes one', () => {
    expect(offered(shell, 'drawbridge doctor --config file')).toEqual(['file-x.yaml']);
  });

  itRuns('completes hosts, with the account that stands before them', () => {
    expect(offered(shell, 'drawbridge ssh web-')).toEqual(['web-1.acme', 'web-2.acme']);
    expect(offered(shell, 'drawbridge exec --hosts db').map((name) => name.trim())).toEqual(['db-1.acme']);
    const behindAccount = offered(shell, 'drawbridge ssh alice@web-');
    expect(behindAccount.map((name) => name.replace('alice@', ''))).toEqual(['web-1.acme', 'web-2.acme']);
  });

  itRuns('offers nothing where it knows nothing', () => {
    expect(offered(shell, 'drawbridge access on --for ')).toEqual([]);
  });
});

describe('drawbridge completion hosts', () => {
  const named = (atMs: number) => {
    const home = temporaryDirectory();
    writeFileSync(join(home, 'completion-hosts.json'), JSON.stringify({ atMs, names: ['web-1.acme'] }));
    return home;
  };

  it('says nothing, and fails nowhere, when nobody is signed in', async () => {
    const run = await captureCommand(['completion', 'hosts', '--home', temporaryDirectory()]);
    expect(run).toEqual({ status: 0, out: '', err: '' });
  });

  it('takes the names of a moment ago, and none of yesterday', async () => {
    const now = await captureCommand(['completion', 'hosts', '--home', named(Date.now())]);
    expect(now.out).toBe('web-1.acme\n');
    const before = await captureCommand(['completion', 'hosts', '--home', named(Date.now() - 3_600_000)]);
    expect(before.out).toBe('');
  });
});
