import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../shared/store/database.ts';
import { type ProgramRun, runDrawbridge, TestDemo } from '../support/demo.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

let demo: TestDemo;

beforeAll(async () => {
  demo = await TestDemo.start();
});

afterAll(async () => {
  await demo?.stop();
});

/** A proxy of its own that does not run, to spoil. */
async function freshProxy(): Promise<{ dir: string; config: string; https: number }> {
  const dir = join(temporaryDirectory(), 'proxy');
  const https = await freePort();
  const made = await runDrawbridge([
    ...['proxy', 'init', '--dir', dir, '--name', 'test', '--host', '127.0.0.1'],
    ...['--https-port', String(https), '--ssh-port', String(await freePort())],
  ]);
  expect(made).toMatchObject({ status: 0 });
  return { dir, config: join(dir, 'proxy.yaml'), https };
}

function expectPlainFailure(run: ProgramRun, sentence: RegExp): void {
  expect(run.status).toBe(1);
  expect(run.stderr).toMatch(/^drawbridge: error: /m);
  expect(run.stderr).toMatch(sentence);
  expect(run.stderr).not.toMatch(/\n\s+at /);
  expect(run.durationMs).toBeLessThan(15_000);
}

describe('a start that can not work ends with exit code 1 and a sentence', () => {
  it('when the configuration has faults: all of them, with their places', async () => {
    const { config } = await freshProxy();
    const text = readFileSync(config, 'utf8');
    writeFileSync(config, `${text.replace(/port: \d+/, 'port: many')}\nfrobnicate: 1\n`);
    const run = await runDrawbridge(['proxy', 'start', '--config', config]);
    expectPlainFailure(run, /proxy\.yaml:\d+:\d+: .*port/);
    expect(run.stderr).toMatch(/proxy\.yaml:\d+:\d+: .*frobnicate/);
  });

  it('when the port is taken', async () => {
    const { config, https } = await freshProxy();
    const other = createServer().listen(https, '127.0.0.1');
    await once(other, 'listening');
    try {
      expectPlainFailure(await runDrawbridge(['proxy', 'start', '--config', config]), new RegExp(`${https}`));
    } finally {
      other.close();
    }
  });

  it('when a key is missing', async () => {
    const { dir, config } = await freshProxy();
    rmSync(join(dir, 'data', 'ssh_host_ed25519_key'));
    expectPlainFailure(await runDrawbridge(['proxy', 'start', '--config', config]), /ssh_host_ed25519_key/);
  });

  it('when the identity is missing', async () => {
    const { dir, config } = await freshProxy();
    rmSync(join(dir, 'data', 'identity.json'));
    expectPlainFailure(await runDrawbridge(['proxy', 'start', '--config', config]), /identity/);
  });

  it('when a newer Drawbridge wrote the database', async () => {
    const { dir, config } = await freshProxy();
    expect(await runDrawbridge(['proxy', 'user', 'ls', '--config', config])).toMatchObject({ status: 0 });
    const database = await Database.open(join(dir, 'data', 'proxy.db'), {
      migrations: newerMigrations(),
      synchronous: 'NORMAL',
    });
    await database.close();
    expectPlainFailure(await runDrawbridge(['proxy', 'start', '--config', config]), /newer/);
  });

  it.each(['proxy', 'bastion'] as const)(
    'when another process has the data directory of the %s',
    async (role) => {
      const run = await runDrawbridge([role, 'start', '--config', demo.document[role].config]);
      expectPlainFailure(run, /another|already/i);
    },
  );

  it('when another process has the data directory of the agent', async () => {
    const run = await runDrawbridge(['agent', 'start', '--config', demo.document.agents[0]?.config ?? '']);
    expectPlainFailure(run, /another|already/i);
  });

  it('when the configuration is of another role', async () => {
    const run = await runDrawbridge(['bastion', 'start', '--config', demo.document.proxy.config]);
    expectPlainFailure(run, /role/);
  });

  it('when a token is not one', async () => {
    const run = await runDrawbridge([
      'agent',
      'join',
      demo.document.bastion.url,
      'dbj1.nonsense',
      '--dir',
      temporaryDirectory(),
    ]);
    expectPlainFailure(run, /token/i);
  });

  it('when a copied agent would join with a token that is spent', async () => {
    const created = await demo.customer(['token', 'create', 'third', '--json']);
    const { token } = JSON.parse(created.stdout) as { token: string };
    const join1 = await runDrawbridge([
      'agent',
      'join',
      demo.document.bastion.url,
      token,
      '--name',
      'third',
      '--dir',
      join(temporaryDirectory(), 'a'),
    ]);
    expect(join1).toMatchObject({ status: 0 });
    const join2 = await runDrawbridge([
      'agent',
      'join',
      demo.document.bastion.url,
      token,
      '--name',
      'third',
      '--dir',
      join(temporaryDirectory(), 'b'),
    ]);
    expectPlainFailure(join2, /token|join/i);
  });
});

/** More migrations than this version knows. */
function newerMigrations(): string[] {
  return Array.from({ length: 200 }, (_, index) => `CREATE TABLE newer_${index} (id INTEGER)`);
}

describe('garbage on a listener', () => {
  const garbage = [
    ['random bytes', () => randomBytes(100_000)],
    ['a very long line', () => Buffer.alloc(1_000_000, 'A')],
    ['an HTTP request', () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    [
      'an SSH greeting and then nonsense',
      () => Buffer.concat([Buffer.from('SSH-2.0-x\r\n'), randomBytes(50_000)]),
    ],
    [
      'a tunnel without a token',
      () =>
        Buffer.from(
          'GET /tunnel HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: drawbridge.v1\r\n\r\n',
        ),
    ],
  ] as const;

  async function throwAt(port: number, tls: boolean, bytes: Buffer): Promise<void> {
    const socket = tls
      ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.resume();
    const closed = once(socket, 'close').catch(() => {});
    socket.write(bytes);
    socket.end();
    await Promise.race([
      closed,
      waitFor(() => socket.destroyed, { timeoutMs: 5_000 }).catch(() => socket.destroy()),
    ]);
  }

  it.each(garbage)('harms nobody: %s', async (_name, make) => {
    const { proxy, bastion, jump } = demo.document;
    const ports = [new URL(proxy.url).port, new URL(bastion.url).port].map(Number);
    for (const port of ports) {
      await throwAt(port, false, make());
      await throwAt(port, true, make());
    }
    await throwAt(jump.port, false, make());
    expect(await demo.ssh([demo.host, 'exit 8'])).toMatchObject({ status: 8 });
    expect(await demo.ssh([`${demo.host}.wss`, 'exit 9'])).toMatchObject({ status: 9 });
  });

  it('and on the control socket too', async () => {
    const socket = connect(demo.document.bastion.socket);
    socket.on('error', () => {});
    socket.resume();
    socket.end(`${'x'.repeat(100_000)}\n{"method":1}\n`);
    await once(socket, 'close');
    expect(await demo.customer(['access', 'status'])).toMatchObject({ status: 0 });
  });
});
