import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ownAccount } from '../../../agent/shell/account.ts';
import type { BuiltinServerOptions } from '../../../agent/ssh/builtin-server.ts';
import { type BuiltinHost, startBuiltinHost } from '../../support/builtin-host.ts';
import { createTestKey, ISOLATED, runSsh, type TestKey } from '../../support/ssh-client.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const me = ownAccount();

describe("the agent's builtin SSH server", () => {
  const directory = createTemporaryDirectory();
  const dir = directory.path;
  let key: TestKey;
  let host: BuiltinHost;

  beforeAll(async () => {
    key = await createTestKey(dir);
  });
  afterAll(() => directory.remove());
  afterEach(() => host.close());

  async function start(overrides: Partial<BuiltinServerOptions> = {}): Promise<void> {
    host = await startBuiltinHost(key, overrides);
  }

  function argumentsOf(args: readonly string[], login = me.name): string[] {
    const where = ['-p', String(host.port), '-i', key.path, `${login}@127.0.0.1`];
    return [...args.slice(0, -1), ...ISOLATED, ...where, ...args.slice(-1)];
  }

  function ssh(args: readonly string[], input?: string | Buffer, login?: string) {
    return runSsh(argumentsOf(args, login), input === undefined ? {} : { input });
  }

  it('gives back the exit status of a command, and keeps its two outputs apart', async () => {
    await start();
    const result = await ssh(['echo out; echo err >&2; exit 42']);
    expect([result.code, result.stdout, result.stderr]).toEqual([42, 'out\n', 'err\n']);
  });

  it('says that a command is too long for the system, which is as long as it is for an sshd', async () => {
    await start();
    // The client's own command line has that limit too, for each of its words.
    const words = ['a', 'b'].map((letter) => letter.repeat(70_000));
    const result = await runSsh([...argumentsOf(['echo']), ...words]);
    expect(result.code, result.stderr).toBe(126);
    expect(result.stderr).toContain('longer than this system takes');
  });

  it('says by which signal a command was ended', async () => {
    await start();
    const result = await ssh(['-o', 'LogLevel=DEBUG1', 'kill -KILL $$']);
    expect(result.code).toBe(255);
    expect(result.stderr).toContain('rtype exit-signal');
  });

  it('closes the input of a command when the client has sent all', async () => {
    await start();
    expect((await ssh(['cat'], 'abc')).stdout).toBe('abc');
    expect((await ssh(['bash -s'], 'echo from the script\nexit 3\n')).code).toBe(3);
  });

  it('carries 64 MiB in and out unchanged', async () => {
    await start();
    const sent = randomBytes(64 * 1024 * 1024);
    const sum = createHash('sha256').update(sent).digest('hex');
    expect((await ssh(['sha256sum'], sent)).stdout.split(' ')[0]).toBe(sum);
    const back = await ssh(['cat'], sent);
    expect(createHash('sha256').update(back.stdoutBytes).digest('hex')).toBe(sum);
  }, 60_000);

  it('starts a login shell with the environment of a login', async () => {
    await start();
    const result = await ssh(
      ['-tt', '-o', 'SetEnv=LC_TEST=käse DRAWBRIDGE_OPERATOR=alice LD_PRELOAD=/evil PATH=/evil', ''],
      'stty -echo; echo "<$0|$HOME|$USER|$LOGNAME|$SHELL|$TERM|$LC_TEST|$DRAWBRIDGE_OPERATOR|$LD_PRELOAD>"; tty; echo $SSH_TTY; exit 5\n',
    );
    expect(result.code).toBe(5);
    const shell = me.shell.split('/').at(-1);
    expect(result.stdout).toContain(
      `<-${shell}|${me.home}|${me.name}|${me.name}|${me.shell}|${process.env['TERM'] ?? 'dumb'}|käse|alice|>`,
    );
    const [tty] = result.stdout.match(/\/dev\/pts\/\d+/) ?? [];
    expect(result.stdout.split(tty ?? '?')).toHaveLength(3);
  });

  it('gives a terminal to a client that has none of a known type', async () => {
    await start();
    for (const TERM of ['', '../../tmp/mine', 'a b']) {
      const result = await runSsh(argumentsOf(['-tt', 'echo "<$TERM>"']), { env: { ...process.env, TERM } });
      expect(result.stdout, TERM).toContain('<dumb>\r\n');
    }
  });

  it('loses nothing of a burst that a command on a terminal sends before it ends, 50 times', async () => {
    await start();
    const command = "stty -opost; head -c 1048576 /dev/zero | tr '\\0' x; echo end; exit 7";
    for (let round = 0; round < 50; round += 1) {
      const result = await ssh(['-tt', command]);
      // What the account's own start-up files may say in front is none of our business.
      const shown = result.stdout.replace(/x{100,}/g, (run) => `${run.length} x, `);
      expect(shown, `round ${round}`).toMatch(/(^|\n)1048576 x, end\n$/);
      expect(result.code).toBe(7);
    }
  }, 120_000);

  it('loses nothing on a terminal either when the client reads slowly', async () => {
    await start();
    const child = spawn(
      'ssh',
      argumentsOf(['-tt', "stty -opost; head -c 8388608 /dev/zero | tr '\\0' x; exit 7"]),
      {
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    let length = 0;
    for await (const chunk of child.stdout) {
      length += (chunk as Buffer).length;
      if (length < 1024 * 1024) await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(length).toBe(8 * 1024 * 1024);
  }, 60_000);

  it('ends when the command ends, though something in the background holds the terminal', async () => {
    await start();
    const result = await ssh(['-tt', 'sleep 60 & echo started; exit 6']);
    expect([result.code, result.stdout]).toEqual([6, 'started\r\n']);
  });

  it('tells a shell the size of the terminal, and applies its modes', async () => {
    await start();
    const script = `stty rows 33 cols 101; exec ssh ${argumentsOf([
      '-tt',
      'stty size; stty -a | tr ";" "\\n" | grep -c iutf8; stty -a',
    ])
      .map((argument) => `'${argument.replaceAll("'", `'\\''`)}'`)
      .join(' ')}`;
    const result = await runSshIn(script);
    expect(result).toContain('33 101');
  });

  it('ends what runs when the client goes away, and leaves nothing behind', async () => {
    await start();
    const marker = join(dir, `marker-${randomBytes(4).toString('hex')}`);
    const child = spawn('ssh', argumentsOf([`trap '' TERM; touch ${marker}; sleep 3600; sleep 3600`]), {
      stdio: 'ignore',
    });
    await waitFor(() => existsSync(marker));
    const mark = `touch ${marker}`;
    expect(await commandLines()).toContain(mark);
    child.kill('SIGKILL');
    await waitFor(async () => !(await commandLines()).includes(mark), { what: 'the command to be gone' });
  });

  it('sends signals of the client to the command', async () => {
    await start();
    const marker = join(dir, `signal-${randomBytes(4).toString('hex')}`);
    const child = spawn(
      'ssh',
      argumentsOf([
        '-tt',
        `trap 'echo caught > ${marker}; exit 9' INT; echo ready; while :; do sleep 0.05; done`,
      ]),
      {
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    await once(child.stdout, 'data');
    child.stdin.write('\u0003');
    const [code] = await once(child, 'close');
    expect(code).toBe(9);
  });

  it('connects from the host where the bastion wants, and says why it can not', async () => {
    await start();
    const echo = createServer((socket) => socket.end('hello from the host'));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const address = echo.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const result = await ssh(['-W', `127.0.0.1:${port}`, 'unused']);
    expect(result.stdout).toBe('hello from the host');
    await new Promise((resolve) => echo.close(resolve));
    const refused = await ssh(['-o', 'LogLevel=INFO', '-W', `127.0.0.1:${port}`, 'unused']);
    expect(refused.stderr).toContain(`The host can't reach 127.0.0.1:${port}`);
  });

  it('connects nowhere when the configuration says so', async () => {
    await start({ forwarding: () => false });
    const result = await ssh(['-o', 'LogLevel=INFO', '-W', '127.0.0.1:1', 'unused']);
    expect(result.stderr).toContain('Forwarding is switched off in the configuration of this host.');
  });

  it('lets nobody in but the bastion, and only as the logins that it serves', async () => {
    await start({ logins: () => ['somebody'] });
    expect((await ssh(['true'])).code).toBe(255);
    await host.close();
    await start({ logins: () => [me.name] });
    expect((await ssh(['true'])).code).toBe(0);
    expect((await ssh(['true'], '', 'no-such-account')).code).toBe(255);
    const other = await createTestKey(dir, 'other');
    const where = ['-p', String(host.port), '-i', other.path, `${me.name}@127.0.0.1`];
    expect((await runSsh([...ISOLATED, ...where, 'true'])).code).toBe(255);
  });

  it('tells running clients why it stops, and ends their commands', async () => {
    await start();
    const child = spawn('ssh', argumentsOf(['echo ready; sleep 3600']), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    // Closing waits for what the command has left behind, and the client may be gone before that.
    const gone = once(child, 'close');
    await once(child.stdout, 'data');
    await host.server.close('The agent on this host is being stopped.');
    const [code] = await gone;
    expect(code).toBe(255);
    expect(stderr).toContain('The agent on this host is being stopped.');
  });
});

/** Command lines of all processes. */
async function commandLines(): Promise<string> {
  const child = spawn('ps', ['-eo', 'args'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/** Runs a shell script on a terminal of its own and gives back what it shows. */
async function runSshIn(script: string): Promise<string> {
  const { spawn: spawnPty } = await import('@lydell/node-pty');
  const pty = spawnPty('/bin/sh', ['-c', script], { cols: 80, rows: 24 });
  let shown = '';
  pty.onData((text) => {
    shown += text;
  });
  await new Promise<void>((resolve) => pty.onExit(() => resolve()));
  return shown;
}
