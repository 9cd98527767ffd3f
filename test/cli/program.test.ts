import { describe, expect, it } from 'vitest';
import { captureCommand } from '../support/captured-command.ts';

const VERBS = [
  ['demo'],
  ['proxy', 'init'],
  ['proxy', 'start'],
  ['proxy', 'user', 'add'],
  ['proxy', 'user', 'key', 'add'],
  ['proxy', 'bastion', 'token'],
  ['bastion', 'init'],
  ['bastion', 'join'],
  ['bastion', 'start'],
  ['agent', 'join'],
  ['agent', 'start'],
  ['access', 'on'],
  ['access', 'off'],
  ['access', 'status'],
  ['policy', 'show'],
  ['policy', 'check'],
  ['policy', 'apply'],
  ['policy', 'explain'],
  ['policy', 'history'],
  ['policy', 'diff'],
  ['policy', 'undo'],
  ['sessions', 'ls'],
  ['sessions', 'watch'],
  ['sessions', 'end'],
  ['audit', 'ls'],
  ['audit', 'verify'],
  ['audit', 'export'],
  ['recordings', 'ls'],
  ['recordings', 'play'],
  ['recordings', 'export'],
  ['recordings', 'verify'],
  ['hosts'],
  ['hosts', 'ls'],
  ['hosts', 'revoke'],
  ['token', 'create'],
  ['login'],
  ['logout'],
  ['status'],
  ['ssh'],
  ['ssh-config'],
  ['connect'],
];

describe('the drawbridge command', () => {
  it.each(VERBS.map((words) => [words.join(' '), words]))(
    'explains `%s --help` with examples',
    async (_name, words) => {
      const run = await captureCommand([...words, '--help']);
      expect(run.status).toBe(0);
      expect(run.out).toContain(`Usage: drawbridge ${words.join(' ')}`);
      expect(run.out).toContain('Examples:\n  $ ');
      expect(run.err).toBe('');
    },
  );

  it('lists every verb in its help, in groups', async () => {
    const run = await captureCommand(['--help']);
    expect(run.status).toBe(0);
    for (const words of VERBS) expect(run.out).toMatch(new RegExp(`^  ${words[0]}\\b`, 'm'));
    expect(run.out).toContain('For operators:');
  });

  it('shows the help of a verb behind `help` too', async () => {
    const run = await captureCommand(['help', 'access']);
    expect(run.status).toBe(0);
    expect(run.out).toContain('Usage: drawbridge access');
  });

  it.each([
    ['no verb', []],
    ['an unknown verb', ['acces']],
    ['an unknown option', ['access', 'status', '--frobnicate']],
    ['a missing argument', ['token', 'create']],
    ['an option without its value', ['access', 'status', '--config']],
    ['a number out of range', ['audit', 'ls', '--limit', '0']],
    ['a port that is none', ['proxy', 'init', '--dir', 'x', '--name', 'x', '--https-port', '70000']],
    ['a label that is none', ['token', 'create', 'web-1', '--label', 'role']],
    ['a duration that is none', ['access', 'on', '--for', 'soon', '--socket', '/nowhere']],
    ['an sshd address that is none', ['demo', '--sshd', 'localhost']],
  ])('answers %s with exit code 2 and an error', async (_name, args) => {
    const run = await captureCommand(args);
    expect(run.status).toBe(2);
    expect(run.out).toBe('');
    if (args.length > 0) expect(run.err).toMatch(/^drawbridge: error: /);
  });

  it('suggests the verb that was meant', async () => {
    expect((await captureCommand(['acces'])).err).toContain('access');
  });

  it('says where it looked when there is no configuration, with exit code 1', async () => {
    const run = await captureCommand(['access', 'status', '--config', '/nowhere/bastion.yaml']);
    expect(run.status).toBe(1);
    expect(run.err).toContain('drawbridge: error: There is no config file /nowhere/bastion.yaml.');
    expect(run.err).toContain('drawbridge: hint: ');
  });

  it('says that nothing runs when there is no control socket', async () => {
    const run = await captureCommand(['access', 'off'], { DRAWBRIDGE_SOCKET: '/nowhere/control.sock' });
    expect(run.status).toBe(1);
    expect(run.err).toMatch(/^drawbridge: error: .*\n/);
  });

  it('prints its version', async () => {
    expect((await captureCommand(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
