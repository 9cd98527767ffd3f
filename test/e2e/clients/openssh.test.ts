import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientMatrix, TARGETS } from '../../support/client-matrix.ts';
import { freePort } from '../../support/free-port.ts';
import { TerminalProgram } from '../../support/terminal-program.ts';
import { waitFor } from '../../support/wait-for.ts';

let matrix: ClientMatrix;

beforeAll(async () => {
  matrix = await ClientMatrix.start();
});
afterAll(async () => {
  await matrix?.stop();
});

describe('OpenSSH', () => {
  describe.concurrent.each(TARGETS)('to the $target', ({ index }) => {
    const host = (): string => matrix.host(index);
    const terminal = (args: readonly string[], size?: { cols: number; rows: number }): TerminalProgram =>
      TerminalProgram.start('ssh', [...matrix.sshOptions, ...args], size);

    it('exec: status, both outputs apart, and nothing of ours among them', async () => {
      const run = await matrix.ssh([host(), 'echo out; echo err >&2; exit 42']);
      expect(run).toMatchObject({ status: 42, stdout: 'out\n', stderr: 'err\n' });
    });

    it('exec: the banner says before the sign-in who records', async () => {
      const config = matrix.demo.document.sshConfig;
      const run = await matrix.local(`ssh -F ${config} ${host()} true`);
      expect(run).toMatchObject({ status: 0, stdout: '' });
      expect(run.stderr).toContain('This session is recorded by acme');
    });

    it('exec: quotes, newlines, unicode and a command of more than 4 KiB', async () => {
      const text = `'"$HOME" \`x\` \\ ü 日本\n${'x'.repeat(5000)}`;
      const quoted = `'${text.replaceAll("'", "'\\''")}'`;
      const run = await matrix.ssh([host(), `printf %s ${quoted}\nprintf '|%s' second`]);
      expect(run.stdout).toBe(`${text}|second`);
    });

    it('exec: a command of 100 KiB', async () => {
      const run = await matrix.ssh([host(), `printf %s ${'x'.repeat(100_000)} | wc -c`]);
      expect(run).toMatchObject({ status: 0, stdout: '100000\n' });
    });

    it('exec: endless output ends with who reads it (| head)', async () => {
      const run = await matrix.local(`{ $SSH ${host()} 'yes; exit 3'; echo $? >&2; } | head -n 1`);
      expect(run).toMatchObject({ stdout: 'y\n', stderr: '3\n' });
      const signalled = await matrix.local(`{ $SSH ${host()} 'exec yes'; echo $? >&2; } | head -n 1`);
      expect(signalled).toMatchObject({ stdout: 'y\n', stderr: '255\n' });
    });

    it('exec: binary output, byte for byte', async () => {
      const run = await matrix.local(
        `$SSH ${host()} 'head -c 300000 /dev/zero; printf "\\377\\0\\r\\n"' | sha256sum`,
      );
      const own = await matrix.local('{ head -c 300000 /dev/zero; printf "\\377\\0\\r\\n"; } | sha256sum');
      expect(run.stdout).toBe(own.stdout);
    });

    it('exec: input to its end, and output behind it', async () => {
      const run = await matrix.ssh([host(), 'wc -c; echo after'], Buffer.alloc(700_000, 'a'));
      expect(run).toMatchObject({ status: 0, stdout: '700000\nafter\n' });
    });

    it('exec: output goes on after the client closed its input at once (-n)', async () => {
      const run = await matrix.ssh(['-n', host(), 'cat; echo after']);
      expect(run).toMatchObject({ status: 0, stdout: 'after\n' });
    });

    it('exec: /dev/stdin, /dev/stdout and /dev/stderr open', async () => {
      const run = await matrix.ssh(
        [host(), 'cat /dev/stdin; echo o > /dev/stdout; echo e > /dev/stderr'],
        'in\n',
      );
      expect(run).toMatchObject({ status: 0, stdout: 'in\no\n', stderr: 'e\n' });
    });

    it('exec: an exit signal stays one', async () => {
      const config = matrix.demo.document.sshConfig;
      const verbose = await matrix.local(`ssh -v -F ${config} ${host()} 'kill -TERM $$'`);
      expect(verbose.status).toBe(255);
      expect(verbose.stderr).toContain('rtype exit-signal');
    });

    it('exec: a script on standard input (ssh -T, bash -s)', async () => {
      expect(await matrix.ssh(['-T', host()], 'echo one\nexit 5\n')).toMatchObject({
        status: 5,
        stdout: 'one\n',
      });
      const script = await matrix.ssh([host(), 'bash -s -- two'], 'echo $1; exit 6\n');
      expect(script).toMatchObject({ status: 6, stdout: 'two\n' });
    });

    it('env: LANG and LC_* arrive', async () => {
      const run = await matrix.local(`LC_TIME=C.UTF-8 $SSH -o SendEnv=LC_* ${host()} 'echo $LC_TIME'`);
      expect(run.stdout).toBe('C.UTF-8\n');
    });

    it('env: the operator is named, other variables are refused', async () => {
      const run = await matrix.local(
        `EVIL=1 $SSH -o SendEnv=EVIL ${host()} 'echo $DRAWBRIDGE_OPERATOR,$EVIL'`,
      );
      expect(run.stdout).toBe('alice,\n');
    });

    it('pty: size, change of size, TERM, first line and exit status', async () => {
      const shell = terminal([host()], { cols: 101, rows: 33 });
      try {
        await shell.shows('This session is recorded by acme');
        await shell.atPrompt();
        shell.type('stty size; echo "term=$TERM"\n');
        await shell.shows('33 101');
        await shell.shows('term=xterm-256color');
        shell.resize(77, 22);
        shell.type('stty size\n');
        await shell.shows('22 77');
        shell.type('exit 9\n');
        expect(await shell.exit()).toBe(9);
      } finally {
        shell.kill();
      }
    });

    it('pty: modes of the client’s terminal', async () => {
      const run = await matrix.local(
        `script -qec "stty intr ^K -ixon; $SSH -tt ${host()} 'stty -a'" /dev/null </dev/null`,
      );
      expect(run.stdout).toContain('intr = ^K');
      expect(run.stdout).toContain('-ixon');
    });

    it('pty: ssh -tt with its input closed ends, and its output is the command’s alone', async () => {
      const run = await matrix.local(`$SSH -tt ${host()} 'tty; echo done' </dev/null`);
      expect(run.status).toBe(0);
      expect(run.stdout).toMatch(/^\/dev\/pts\/\d+\r\ndone\r\n$/);
    });

    it('pty: full-screen programs (vi, top, tmux)', async () => {
      for (const [command, sign, leave] of [
        ['vi -u NONE -n', /\[\?1049h[\s\S]*~/, ':q!\r'],
        ['top -d 60', 'Tasks', 'q'],
        [`tmux -f /dev/null -L compat-${index} new-session 'echo in-tmux; read -r x'`, 'in-tmux', '\r'],
      ] as const) {
        const program = terminal(['-t', host(), command]);
        try {
          await program.shows(sign);
          program.type(leave);
          expect(await program.exit(), command).toBe(0);
        } finally {
          program.kill();
        }
      }
    });

    it('-W and -L: a server that speaks first, its first bytes too', async () => {
      const server = createServer((socket) => {
        socket.on('error', () => socket.destroy());
        socket.write('first-words\n');
        socket.on('data', (chunk) => socket.write(chunk));
        socket.on('end', () => socket.end());
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' ? address?.port : 0;
      try {
        const run = await matrix.ssh(['-W', `127.0.0.1:${port}`, host()], 'echoed\n');
        expect(run.stdout).toBe('first-words\nechoed\n');
        const local = await freePort();
        const open = `$SSH -f -o ExitOnForwardFailure=yes -L ${local}:127.0.0.1:${port} ${host()} 'sleep 4'`;
        const words = `exec 3<>/dev/tcp/127.0.0.1/${local}; head -n 1 <&3`;
        const forwarded = await matrix.local(`${open}; bash -c '${words}'`);
        expect(forwarded.stdout).toBe('first-words\n');
      } finally {
        server.close();
      }
    });

    it('-D: a script on standard input with it, then a second connection (Visual Studio Code’s way)', async () => {
      const port = await freePort();
      const first = spawn('ssh', [...matrix.sshOptions, '-T', '-D', String(port), host(), 'bash'], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const ended = once(first, 'close');
      let seen = '';
      first.stdout.setEncoding('utf8').on('data', (text: string) => {
        seen += text;
      });
      try {
        first.stdin.write('echo listening; uname -s\n');
        await waitFor(() => seen.includes('Linux'), { what: 'the script to run', timeoutMs: 15_000 });
        const sshd = matrix.demo.document.jump.port;
        const through = await matrix.local(
          `curl -s -m 10 --http0.9 --socks5-hostname 127.0.0.1:${port} http://127.0.0.1:${sshd}/ | head -c 8`,
        );
        expect(through.stdout).toBe('SSH-2.0-');
        expect(await matrix.ssh([host(), 'echo second'])).toMatchObject({ status: 0, stdout: 'second\n' });
        first.stdin.end('exit 3\n');
        expect((await ended)[0]).toBe(3);
      } finally {
        first.kill();
      }
    });

    it('-R, -A and -X: refused at once, and the session goes on', async () => {
      const remote = await matrix.ssh(['-R', '0:127.0.0.1:9', host(), 'echo on']);
      expect(remote).toMatchObject({ status: 0, stdout: 'on\n' });
      const strict = await matrix.ssh([
        '-o',
        'ExitOnForwardFailure=yes',
        '-R',
        '0:127.0.0.1:9',
        host(),
        'true',
      ]);
      expect(strict.status).toBe(255);
      const agent = await matrix.ssh(['-A', host(), 'echo "[$SSH_AUTH_SOCK]"']);
      expect(agent).toMatchObject({ status: 0, stdout: '[]\n' });
      const display = await matrix.local(`DISPLAY=:99 $SSH -X ${host()} 'echo "[$DISPLAY]"'`);
      expect(display).toMatchObject({ status: 0, stdout: '[]\n' });
    });

    it('-C and ServerAliveInterval: work, without compression', async () => {
      const run = await matrix.ssh(['-C', '-o', 'ServerAliveInterval=1', host(), 'sleep 2.5; echo alive']);
      expect(run).toMatchObject({ status: 0, stdout: 'alive\n' });
    });

    it('ControlMaster: ten channels in one connection, and -N', async () => {
      const socket = join(matrix.folder, `cm-${index}`);
      const master = spawn('ssh', [...matrix.sshOptions, '-N', '-M', '-S', socket, host()], {
        stdio: 'ignore',
      });
      const ended = once(master, 'close');
      try {
        await waitFor(async () => (await matrix.local(`$SSH -S ${socket} -O check ${host()}`)).status === 0, {
          what: 'the master',
          timeoutMs: 15_000,
        });
        const runs = await Promise.all(
          Array.from({ length: 10 }, (_, number) =>
            matrix.ssh(['-S', socket, host(), `sleep 0.2; echo ${number}; exit ${number}`]),
          ),
        );
        expect(runs.map((run) => `${run.status} ${run.stdout}`)).toEqual(
          runs.map((_, number) => `${number} ${number}\n`),
        );
        // With both directions at their end, a master's channel is closed by the client before the status is known.
        const late = await matrix.ssh(['-S', socket, host(), 'echo out; exec >&- 2>&-; sleep 0.5; exit 7']);
        expect(late).toMatchObject({ status: 7, stdout: 'out\n' });
      } finally {
        master.kill();
        await ended;
      }
    });
  });
});
