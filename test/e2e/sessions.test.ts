import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram, TestDemo } from '../support/demo.ts';
import { TerminalProgram } from '../support/terminal-program.ts';

let demo: TestDemo;
let folder: string;

beforeAll(async () => {
  demo = await TestDemo.start();
  folder = join(demo.demo.dir, 'test');
  mkdirSync(folder);
});

afterAll(async () => {
  await demo?.stop();
});

const ways = [
  ['ssh -J', (name: string) => name],
  ['wss', (name: string) => `${name}.wss`],
] as const;

describe.each(ways)('by %s, the stock client', (_way, alias) => {
  it('runs a command with its exit code, its output and its errors apart', async () => {
    const run = await demo.ssh([alias(demo.host), 'echo out; echo err >&2; exit 42']);
    expect(run).toMatchObject({ status: 42, stdout: 'out\n' });
    expect(run.stderr).toMatch(/err\n$/);
  });

  it('passes standard input on to its end, whatever bytes it holds', async () => {
    const bytes = randomBytes(3_000_000);
    const run = await demo.ssh([alias(demo.host), 'sha256sum'], bytes);
    expect(run.stdout.split(' ')[0]).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('brings all output back, whatever bytes it holds', async () => {
    const path = join(folder, `random-${alias('x')}`);
    const bytes = randomBytes(3_000_000);
    writeFileSync(path, bytes);
    const run = await demo.ssh([alias(demo.host), `cat '${path}' | base64 -w0`]);
    expect(run.stdout).toBe(bytes.toString('base64'));
    const raw = await runProgram('sh', [
      '-c',
      `ssh -F '${demo.document.sshConfig}' ${alias(demo.host)} "cat '${path}'" | sha256sum`,
    ]);
    expect(raw.stdout.split(' ')[0]).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('tells a command that a signal ended', async () => {
    const run = await demo.ssh([alias(demo.host), 'kill -TERM $$']);
    expect(run.status).not.toBe(0);
  });

  it('gives a login shell in a real terminal that knows its size', async () => {
    const shell = TerminalProgram.start('ssh', ['-F', demo.document.sshConfig, alias(demo.host)], {
      cols: 101,
      rows: 33,
    });
    try {
      shell.type('stty size; tty; shopt -q login_shell && echo login-shell\n');
      await shell.shows(/33 101/);
      await shell.shows(/\/dev\/pts\/\d+/);
      shell.resize(77, 22);
      shell.type('clear; stty size\n');
      await shell.shows(/22 77/);
      shell.type('exit 7\n');
      expect(await shell.exit()).toBe(7);
    } finally {
      shell.kill();
    }
  });

  it('has job control: Ctrl-C ends the program and not the session', async () => {
    const shell = TerminalProgram.start('ssh', ['-F', demo.document.sshConfig, alias(demo.host)]);
    try {
      await shell.atPrompt();
      // The program itself says that it is in the foreground: a Ctrl-C before that would be the shell's.
      shell.type('sh -c \'echo run"ning"; exec sleep 1000\'\n');
      await shell.shows('running');
      shell.type('\u0003');
      shell.type('echo still-"here"\n');
      await shell.shows('still-here');
      shell.type('exit\n');
      await shell.exit();
    } finally {
      shell.kill();
    }
  });
});

describe('files', () => {
  const config = (): string[] => ['-F', demo.document.sshConfig];

  it.each([
    ['sftp', []],
    ['the old protocol', ['-O']],
  ])('go both ways with scp over %s', async (_name, flags) => {
    const bytes = randomBytes(1_500_000);
    const [from, to, back] = ['from', 'to', 'back'].map((name) =>
      join(folder, `scp-${flags.length}-${name}`),
    ) as [string, string, string];
    writeFileSync(from, bytes);
    const up = await runProgram('scp', [...config(), ...flags, from, `${demo.host}:${to}`]);
    expect(up).toMatchObject({ status: 0 });
    expect(readFileSync(to).equals(bytes)).toBe(true);
    const down = await runProgram('scp', [...config(), ...flags, `${demo.host}:${to}`, back]);
    expect(down).toMatchObject({ status: 0 });
    expect(readFileSync(back).equals(bytes)).toBe(true);
  });

  it('are listed, written, renamed and removed with sftp, and each act is in the audit log', async () => {
    const local = join(folder, 'sftp-local');
    const remote = join(folder, 'sftp-remote');
    writeFileSync(local, 'text\n');
    const batch = `put ${local} ${remote}\nls ${remote}\nrename ${remote} ${remote}-2\nget ${remote}-2 ${local}-2\nrm ${remote}-2\n`;
    const run = await runProgram('sftp', [...config(), '-b', '-', demo.host], { input: batch });
    expect(run).toMatchObject({ status: 0 });
    expect(readFileSync(`${local}-2`, 'utf8')).toBe('text\n');
    const sha256 = createHash('sha256').update('text\n').digest('hex');
    const path = remote;
    await demo.auditEvent(
      (event) => event.type === 'file.written' && event['path'] === path && event['sha256'] === sha256,
    );
    await demo.auditEvent(
      (event) => event.type === 'file.renamed' && JSON.stringify(event).includes(`${path}-2`),
    );
    await demo.auditEvent((event) => event.type === 'file.read' && event['path'] === `${path}-2`);
    await demo.auditEvent((event) => event.type === 'file.removed' && event['path'] === `${path}-2`);
  });

  it('go with rsync', async () => {
    const from = join(folder, 'rsync-from');
    mkdirSync(from);
    for (let index = 0; index < 20; index++)
      writeFileSync(join(from, `f${index}`), randomBytes(1000 * index));
    const to = join(folder, 'rsync-to');
    const shell = `ssh -F '${demo.document.sshConfig}'`;
    const run = await runProgram('rsync', ['-a', '-e', shell, `${from}/`, `${demo.host}:${to}/`]);
    expect(run).toMatchObject({ status: 0 });
    expect((await runProgram('diff', ['-r', from, to])).status).toBe(0);
  });
});

describe('a session', () => {
  it('is in the audit log with operator, host, login and result', async () => {
    const word = `word-${randomBytes(4).toString('hex')}`;
    await demo.ssh([demo.host, `echo ${word}`]);
    const started = await demo.auditEvent(
      (event) => event.type === 'exec.started' && String(event['command']).includes(word),
    );
    expect(started).toMatchObject({ operator: 'alice', host: 'web-1', login: demo.document.login });
    const ofSession = (type: string) =>
      demo.auditEvent((event) => event.type === type && event.session === started.session);
    await ofSession('operator.admitted');
    await ofSession('session.started');
    await ofSession('exec.ended');
    await ofSession('recording.closed');
    await ofSession('session.ended');
  });

  it('is listed while it is live and can be ended by itself, with a message', async () => {
    const shell = TerminalProgram.start('ssh', ['-F', demo.document.sshConfig, demo.host]);
    try {
      await shell.atPrompt();
      const list = await demo.customer(['sessions', 'ls', '--live', '--json']);
      const [session] = JSON.parse(list.stdout) as { id: string; operator: string; state: string }[];
      expect(session).toMatchObject({ operator: 'alice', state: 'live' });
      const end = await demo.customer(['sessions', 'end', session?.id ?? '', '--message', 'Lunch time.']);
      expect(end).toMatchObject({ status: 0 });
      await shell.shows('Lunch time.');
      expect(await shell.exit()).not.toBe(0);
    } finally {
      shell.kill();
    }
  });

  it('reaches a server behind the host that speaks first, and the forward is in the audit log', async () => {
    const { host, port } = demo.document.jump;
    const forwarded = await runProgram('sh', [
      '-c',
      `ssh -F '${demo.document.sshConfig}' -W ${host}:${port} ${demo.host} </dev/null | head -c 8`,
    ]);
    expect(forwarded.stdout).toBe('SSH-2.0-');
    const isThisForward = (text: string): boolean => text.includes(String(port));
    await demo.auditEvent((event) => event.type === 'forward.opened' && isThisForward(JSON.stringify(event)));
    await demo.auditEvent((event) => event.type === 'forward.closed' && isThisForward(JSON.stringify(event)));
  });

  it('as another login is refused with a reason', async () => {
    const run = await demo.ssh(['-l', 'nobody-here', demo.host, 'true']);
    expect(run.status).toBe(255);
    expect(run.durationMs).toBeLessThan(5_000);
    await demo.auditEvent((event) => event.type === 'operator.refused' && event.login === 'nobody-here');
  });
});
