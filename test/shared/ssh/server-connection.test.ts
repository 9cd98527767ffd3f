import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ServeSshOptions } from '../../../shared/ssh/server-connection.ts';
import { createTestKey, ISOLATED, runProgram, runSsh, type TestKey } from '../../support/ssh-client.ts';
import { floodBlock, startTestServer, type TestServer } from '../../support/ssh-test-server.ts';

describe('an SSH server with the stock OpenSSH client', () => {
  let dir: string;
  let key: TestKey;
  let server: TestServer | undefined;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'drawbridge-ssh-'));
    key = await createTestKey(dir);
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));
  afterEach(async () => {
    await server?.listener.close('The test is over.');
    server = undefined;
  });

  async function start(overrides: Partial<ServeSshOptions> = {}): Promise<TestServer> {
    server = await startTestServer(key, overrides);
    return server;
  }

  function ssh(args: readonly string[], input?: string | Buffer, identity = key.path) {
    // ssh takes the first value that it finds for an option, so a test's own ones stand in front.
    const options = args.slice(0, -1);
    const where = ['-p', String(server?.port), '-i', identity, 'alice@127.0.0.1'];
    const all = [...options, ...ISOLATED, ...where, ...args.slice(-1)];
    return runSsh(all, input === undefined ? {} : { input });
  }

  it('hands exit statuses through', async () => {
    await start();
    expect((await ssh(['exit 0'])).code).toBe(0);
    expect((await ssh(['exit 42'])).code).toBe(42);
    expect((await ssh(['exit 255'])).code).toBe(255);
  });

  it('hands an exit signal through as a signal, with its message', async () => {
    await start();
    const result = await ssh(['-o', 'LogLevel=DEBUG1', 'kill TERM']);
    expect(result.code).toBe(255);
    expect(result.stderr).toContain('rtype exit-signal');
  });

  it('keeps stdout and stderr apart', async () => {
    await start();
    const result = await ssh(['both']);
    expect(result.stdout).toBe('to stdout\n');
    expect(result.stderr).toBe('to stderr\n');
  });

  it('closes the two halves of a channel on their own', async () => {
    await start();
    expect((await ssh(['cat'], 'abc')).stdout).toBe('abc');
    expect((await ssh(['late'], 'x')).stdout).toBe('still here\n');
  });

  it('carries 64 MiB up and down unchanged, also while keys are renewed', async () => {
    await start({ rekeyBytes: 10 * 1024 * 1024 });
    const sent = randomBytes(64 * 1024 * 1024);
    const up = await ssh(['hash'], sent);
    expect(up.stdout).toBe(createHash('sha256').update(sent).digest('hex'));

    const down = await ssh(['flood 64']);
    const expected = createHash('sha256');
    for (let index = 0; index < 2048; index += 1) expected.update(floodBlock(index));
    expect(createHash('sha256').update(down.stdoutBytes).digest('hex')).toBe(expected.digest('hex'));

    const both = await ssh(['cat'], sent);
    expect(both.stdoutBytes.equals(sent)).toBe(true);
  }, 60_000);

  it('works with windows far below the default', async () => {
    await start({ windowBytes: 32 * 1024 });
    const sent = randomBytes(4 * 1024 * 1024);
    expect((await ssh(['cat'], sent)).stdoutBytes.equals(sent)).toBe(true);
  });

  it('sees requests as they were sent: terminal with modes, environment, command', async () => {
    const { requests } = await start();
    await ssh(['-tt', '-o', 'SetEnv=LC_TEST=käse', 'exit 3']);
    const pty = requests.find((request) => request.kind === 'pty');
    expect(pty).toMatchObject({ kind: 'pty', cols: expect.any(Number) });
    // Without a terminal of its own, the client sends modes that are only their end mark.
    if (pty?.kind === 'pty') expect([...pty.modes]).toEqual([0]);
    const env = requests.find((request) => request.kind === 'env');
    expect(env?.kind === 'env' && env.value.toString()).toBe('käse');
    expect(
      requests.some((request) => request.kind === 'exec' && request.command.toString() === 'exit 3'),
    ).toBe(true);
  });

  it('waits for a slow decision and keeps everything behind it in order', async () => {
    await start({
      onSession(open) {
        const channel = open.accept();
        channel.attach({
          onRequest: async (request) => {
            await new Promise((resolve) => setTimeout(resolve, 50));
            if (request.kind !== 'exec') return true;
            const seen: string[] = [];
            channel.attach({
              onData: (chunk) => seen.push(chunk.toString()),
              onEof() {
                channel.write(Buffer.from(seen.join('')));
                channel.exit({ kind: 'exit-status', code: 0 });
                channel.close();
              },
            });
            return true;
          },
        });
      },
    });
    expect((await ssh(['anything'], 'typed early')).stdout).toBe('typed early');
  });

  it('shows the client why a forward is refused', async () => {
    await start({
      onDirectTcpip: async (open) => {
        await Promise.resolve();
        open.refuse(`You may not reach ${open.target.host}:${open.target.port}: ask the customer.`);
      },
    });
    const result = await ssh(['-o', 'LogLevel=INFO', '-W', 'secret.example:22', 'unused']);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain(
      'administratively prohibited: You may not reach secret.example:22: ask the customer.',
    );
  });

  it('refuses what nobody offers, with a sentence, and the connection goes on', async () => {
    await start();
    const result = await ssh(['-R', '0:127.0.0.1:1', 'exit 7']);
    expect(result.code).toBe(7);
    expect((await ssh(['-o', 'LogLevel=INFO', '-W', 'host:1', 'unused'])).stderr).toContain(
      'Forwarding is not allowed here.',
    );
  });

  it('refuses an unknown key', async () => {
    const { closed } = await start();
    const other = await createTestKey(dir, 'other');
    const result = await ssh(['exit 0'], '', other.path);
    expect(result.code).toBe(255);
    expect(result.stderr).toContain('Permission denied (publickey)');
    await vi.waitFor(() => expect(closed).toHaveLength(1));
  });

  it.each([
    ['ecdsa', ['-t', 'ecdsa', '-b', '256']],
    ['ecdsa521', ['-t', 'ecdsa', '-b', '521']],
    ['rsa', ['-t', 'rsa', '-b', '2048']],
  ])('lets an %s key in', async (name, options) => {
    const path = join(dir, name);
    await runProgram('ssh-keygen', ['-q', '-N', '', '-f', path, ...options]);
    const seen: string[] = [];
    await start({
      onAuth(attempt) {
        if (attempt.key === undefined) return;
        seen.push(`${attempt.key.type} ${attempt.key.signed}`);
        attempt.accept();
      },
    });
    const result = await ssh(['exit 5'], '', path);
    expect(result.code, result.stderr).toBe(5);
    expect(seen[0]).toMatch(/ false$/);
    expect(seen.at(-1)).toMatch(/ true$/);
  });

  it('asks for a second factor after the key, and shows banner and refusal', async () => {
    const answers: (string | undefined)[] = [];
    await start({
      async onAuth(attempt, connection) {
        if (attempt.method === 'publickey' && attempt.key?.signed === false) attempt.accept();
        else if (attempt.method === 'publickey') attempt.reject(['keyboard-interactive'], true);
        else if (attempt.method === 'keyboard-interactive') {
          const answer = await attempt.prompt('Code: ', false);
          answers.push(answer);
          if (answer === '123456') attempt.accept();
          else connection.sendBanner('This code is wrong.\n');
        }
      },
    });
    const askpass = join(dir, 'askpass');
    await runProgram('sh', ['-c', `printf '#!/bin/sh\necho 123456\n' > ${askpass}; chmod +x ${askpass}`]);
    const env = { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' };
    const args = [...ISOLATED, '-p', String(server?.port), '-i', key.path, 'alice@127.0.0.1', 'exit 9'];
    const result = await runSsh(args, { env });
    expect(result.code, result.stderr).toBe(9);
    expect(answers).toEqual(['123456']);
  });

  it('prints the sentence of a disconnect', async () => {
    await start({
      onSession(open, connection) {
        open.accept();
        connection.disconnect('The customer has switched remote access off.');
      },
    });
    const result = await ssh(['anything']);
    expect(result.code).toBe(255);
    expect(result.stderr).toContain('The customer has switched remote access off.');
  });

  it('ends a client that talks no SSH, at once', async () => {
    const { closed, port } = await start();
    const socket = connect(port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    socket.resume();
    await vi.waitFor(() => expect(closed).toHaveLength(1), { timeout: 5_000 });
    socket.destroy();
    expect((await ssh(['exit 4'])).code).toBe(4);
  });

  it('ends a client that keeps silent when its time is over', async () => {
    const { closed, port } = await start({ loginGraceMs: 200 });
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await vi.waitFor(() => expect(closed).toEqual(['The client did not sign in in time.']), {
      timeout: 5_000,
    });
    socket.destroy();
  });

  it('survives a client that leaves while a sign-in is being decided', async () => {
    let decide = (): void => undefined;
    const { closed } = await start({
      onAuth: (attempt) =>
        new Promise((resolve) => {
          decide = () => {
            attempt.accept();
            resolve();
          };
        }),
    });
    const leaving = ssh(['-o', 'ConnectTimeout=1', 'exit 0']).catch(() => undefined);
    const before = decide;
    await vi.waitFor(() => expect(decide).not.toBe(before));
    for (const connection of server?.listener.connections ?? []) connection.destroy();
    await leaving;
    await vi.waitFor(() => expect(closed).toHaveLength(1));
    expect(() => decide()).not.toThrow();
  });
});
