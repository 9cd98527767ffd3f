import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtCommand, startDemo } from '../../bench/demo-process.ts';
import type { DemoDocument } from '../../cli/demo/document.ts';
import { isAlive, processesNaming, runDrawbridge, runProgram } from '../support/demo.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

function pidsOf(document: DemoDocument): readonly number[] {
  return [document.proxy.pid, document.bastion.pid, ...document.agents.map(({ pid }) => pid)];
}

describe('drawbridge demo --once', { timeout: 90_000 }, () => {
  it('uses everything once, verifies the evidence, and leaves no process', async () => {
    const dir = join(temporaryDirectory(), 'once');
    const run = await runDrawbridge(['demo', '--once', '--dir', dir]);
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
    const lines = run.stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toBe('demo: ok');
    const recordings = lines.filter((line) => line.startsWith('recording: ')).map((line) => line.slice(11));
    expect(recordings).toHaveLength(2);
    for (const path of recordings) expect(existsSync(path)).toBe(true);
    expect(lines.some((line) => line.startsWith('verify: '))).toBe(true);
    expect(processesNaming(dir)).toEqual([]);
    const document = JSON.parse(readFileSync(join(dir, 'demo.json'), 'utf8')) as DemoDocument;
    expect(pidsOf(document).filter(isAlive)).toEqual([]);
  });
});

describe('drawbridge demo --dir', { timeout: 240_000 }, () => {
  it('writes demo.json with all pinned fields, and ends with Ctrl-C; one beside it leaves nothing running when it is killed', async () => {
    const folder = temporaryDirectory();
    const demo = await startDemo(join(folder, 'one'));
    try {
      const other = await startDemo(join(folder, 'two'));
      try {
        const { document } = demo;
        expect(document).toMatchObject({
          login: expect.any(String),
          hosts: ['web-1.acme', 'db-1.acme'],
          jump: { host: '127.0.0.1', port: expect.any(Number), user: 'alice' },
          proxy: { url: expect.stringMatching(/^https:/), pid: expect.any(Number) },
          bastion: {
            url: expect.stringMatching(/^https:/),
            pid: expect.any(Number),
            admin: {
              username: 'carol',
              password: expect.any(String),
              totpSecret: expect.stringMatching(/^[A-Z2-7]+$/),
            },
            sshClientKey: expect.stringMatching(/^ssh-ed25519 /),
          },
          operator: {
            username: 'alice',
            password: expect.any(String),
            totpSecret: expect.stringMatching(/^[A-Z2-7]+$/),
          },
        });
        const files = [
          document.identity,
          document.knownHosts,
          document.sshConfig,
          document.proxy.ca,
          document.bastion.ca,
        ];
        const configs = [document.proxy, document.bastion, ...document.agents].map(({ config }) => config);
        for (const path of [...files, ...configs, document.bastion.socket])
          expect(existsSync(path)).toBe(true);
        expect(statSync(join(folder, 'one', 'demo.json')).mode & 0o777).toBe(0o600);
        expect(statSync(document.identity).mode & 0o777).toBe(0o600);
        for (const running of [demo, other]) {
          const run = await runProgram('ssh', ['-F', running.document.sshConfig, 'db-1.acme', 'exit 6']);
          expect(run).toMatchObject({ status: 6 });
        }
        for (const line of demo.output().split('\n'))
          if (!line.includes(folder)) expect(line.length).toBeLessThanOrEqual(80);
        expect(demo.output()).toContain(`ssh -F ${document.sshConfig} ${document.login}@web-1.acme`);
        expect(demo.output()).toContain('access off --config');
        const pids = pidsOf(other.document);
        expect(pids.filter(isAlive)).toEqual(pids);
        other.process.kill('SIGKILL');
        await waitFor(() => !pids.some(isAlive), { what: 'the roles to end', timeoutMs: 20_000 });
        expect(pidsOf(document).filter(isAlive)).toHaveLength(4);
      } finally {
        await other.stop();
      }
    } finally {
      expect(await demo.stop()).toBe(0);
    }
    expect(processesNaming(folder)).toEqual([]);
  });

  it('leaves nothing running when it is interrupted while it starts', async () => {
    const folder = temporaryDirectory();
    const dir = join(folder, 'early');
    const child = spawn(process.execPath, [builtCommand(), 'demo', '--dir', dir], { stdio: 'ignore' });
    const ended = once(child, 'close');
    await waitFor(() => existsSync(join(dir, 'logs', 'proxy.log')), {
      what: 'the proxy to start',
      timeoutMs: 30_000,
    });
    child.kill('SIGINT');
    await ended;
    expect(processesNaming(folder)).toEqual([]);
  });

  it('refuses a folder that holds something, and says so', async () => {
    const dir = temporaryDirectory();
    writeFileSync(join(dir, 'thesis.txt'), 'precious');
    const run = await runDrawbridge(['demo', '--once', '--dir', dir]);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain(`drawbridge: error: The folder ${dir} is not empty.`);
    expect(readFileSync(join(dir, 'thesis.txt'), 'utf8')).toBe('precious');
  });

  it('refuses a folder whose path is too long for a socket', async () => {
    const dir = join(temporaryDirectory(), 'x'.repeat(120));
    const run = await runDrawbridge(['demo', '--once', '--dir', dir]);
    expect(run.status).toBe(1);
    expect(run.stderr).toMatch(/too long/);
  });

  it('names the fault and the log when sessions can not work, and leaves nothing running', async () => {
    // An sshd address where nothing that speaks SSH is listening.
    const silent = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const folder = temporaryDirectory();
    mkdirSync(join(folder, 'bad'));
    try {
      const run = await runDrawbridge([
        'demo',
        '--once',
        '--dir',
        join(folder, 'bad'),
        '--sshd',
        `127.0.0.1:${port}`,
      ]);
      expect(run.status).toBe(1);
      expect(run.stderr).toMatch(/^drawbridge: error: The interactive session on web-1.acme failed/m);
      expect(run.stderr).toContain(join(folder, 'bad', 'logs'));
    } finally {
      silent.close();
    }
    expect(processesNaming(folder)).toEqual([]);
  });
});
