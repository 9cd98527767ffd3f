import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/clock.ts';
import { type ConnectSshOptions, connectSsh } from '../../../shared/ssh/client-connection.ts';
import { generateSshKey } from '../../../shared/ssh/keys.ts';
import { createTestKey, type TestKey } from '../../support/ssh-client.ts';
import { startTestServer, type TestServer } from '../../support/ssh-test-server.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

describe('an SSH client connection', () => {
  let key: TestKey;
  let server: TestServer | undefined;

  beforeEach(async () => {
    key = await createTestKey(temporaryDirectory());
  });
  afterEach(async () => {
    await server?.listener.close('The test is over.');
    server = undefined;
  });

  function client(options: Partial<ConnectSshOptions> = {}) {
    const socket = connect({ port: server?.port ?? 0, host: '127.0.0.1' });
    const base = {
      username: 'alice',
      privateKey: key.privateKey,
      verifyHostKey: () => true,
      timeoutMs: 5_000,
    };
    return connectSsh(socket, { ...base, ...options });
  }

  it('opens sessions, and hands output to somebody who listens only later', async () => {
    server = await startTestServer(key);
    const connection = await client();
    const channel = await connection.openSession();
    expect(await channel.request({ kind: 'exec', command: Buffer.from('both') })).toBe(true);
    await waitFor(() => channel.signal.aborted);
    const seen: string[] = [];
    channel.attach({
      onData: (chunk, stream) => seen.push(`${stream}: ${chunk}`),
      onRequest: (request) => {
        seen.push(request.kind);
        return true;
      },
      onEof: () => seen.push('eof'),
      onClosed: () => seen.push('closed'),
    });
    expect(seen).toEqual(['stdout: to stdout\n', 'stderr: to stderr\n', 'exit-status', 'eof', 'closed']);
    connection.end();
  });

  it('keeps the order of what it sends while keys are renewed, and asks about the host key once', async () => {
    server = await startTestServer(key);
    let asked = 0;
    const connection = await client({
      rekeyBytes: 256 * 1024,
      verifyHostKey: async () => {
        asked += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
        return true;
      },
    });
    const channel = await connection.openSession();
    const numbers = Buffer.alloc(4 * 1024 * 1024);
    for (let at = 0; at < numbers.length; at += 4) numbers.writeUInt32BE(at, at);
    const echoed: Buffer[] = [];
    let echoedBytes = 0;
    let drained = (): void => undefined;
    channel.attach({
      onData(chunk) {
        echoed.push(Buffer.from(chunk));
        echoedBytes += chunk.length;
        channel.consumed(chunk.length);
      },
      onDrain: () => drained(),
    });
    expect(await channel.request({ kind: 'exec', command: Buffer.from('cat') })).toBe(true);
    for (let at = 0; at < numbers.length; at += 16 * 1024) {
      const room = new Promise<void>((resolve) => {
        drained = resolve;
      });
      if (!channel.write(numbers.subarray(at, at + 16 * 1024))) await room;
    }
    await waitFor(() => echoedBytes === numbers.length);
    expect(Buffer.concat(echoed).equals(numbers)).toBe(true);
    expect(asked).toBe(1);
    connection.destroy();
  });

  it.each([true, false])(
    'takes a verdict on the host key (%s) that comes when it is gone',
    async (verdict) => {
      server = await startTestServer(key);
      const gone = new AbortController();
      const late: unknown[] = [];
      const note = (error: unknown): void => void late.push(error);
      process.on('unhandledRejection', note);
      let decide: (verdict: boolean) => void = () => undefined;
      const asked = new Promise<void>((resolve) => {
        const connecting = client({
          signal: gone.signal,
          verifyHostKey: () => {
            resolve();
            return new Promise((tell) => {
              decide = tell;
            });
          },
        });
        connecting.catch(() => undefined);
      });
      await asked;
      gone.abort(new Error('no longer wanted'));
      await waitFor(() => server?.closed.length === 1);
      decide(verdict);
      await new Promise((resolve) => setImmediate(resolve));
      process.off('unhandledRejection', note);
      expect(late).toEqual([]);
    },
  );

  it('tells a refused forward by its code and the text of the server', async () => {
    server = await startTestServer(key, { onDirectTcpip: (open) => open.refuse('Not to this address.') });
    const connection = await client();
    await expect(connection.openForward({ host: 'h', port: 1 })).rejects.toMatchObject({
      code: 'ssh.channel_prohibited',
      message: 'Not to this address.',
    });
    connection.destroy();
  });

  it('refuses a wrong host key, and waits for a slow decision about it', async () => {
    server = await startTestServer(key);
    await expect(client({ verifyHostKey: () => false })).rejects.toMatchObject({
      code: 'ssh.host_key_refused',
    });
    await expect(client({ verifyHostKey: () => Promise.reject(new Error('no')) })).rejects.toMatchObject({
      code: 'ssh.host_key_refused',
    });
    const slow = () => new Promise<boolean>((resolve) => systemClock.after(100, () => resolve(true)));
    (await client({ verifyHostKey: slow })).end();
  });

  it('says that the server did not let it in', async () => {
    server = await startTestServer(key);
    const privateKey = generateSshKey('other').privateKey;
    await expect(client({ privateKey })).rejects.toMatchObject({ code: 'ssh.auth_failed' });
  });

  it('gives up on a server that keeps silent, talks no SSH, or is told to stop', async () => {
    const accepted: Socket[] = [];
    const silent = createServer((socket) => accepted.push(socket));
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => {
        const address = silent.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const base = { username: 'a', privateKey: key.privateKey, verifyHostKey: () => true };
    const socket = () => connect({ port, host: '127.0.0.1' });
    await expect(connectSsh(socket(), { ...base, timeoutMs: 100 })).rejects.toMatchObject({
      code: 'ssh.timeout',
    });
    const stop = new AbortController();
    const waiting = connectSsh(socket(), { ...base, timeoutMs: 5_000, signal: stop.signal });
    stop.abort(new Error('switched off'));
    await expect(waiting).rejects.toThrow('switched off');
    silent.on('connection', (client) => client.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(connectSsh(socket(), { ...base, timeoutMs: 5_000 })).rejects.toMatchObject({
      code: expect.stringMatching(/^ssh\./),
    });
    const closed = new Promise((resolve) => silent.close(resolve));
    for (const socket of accepted) socket.destroy();
    await closed;
  });

  it('tells everyone who waits when the connection is cut', async () => {
    server = await startTestServer(key, { onDirectTcpip: () => undefined });
    const connection = await client();
    const channel = await connection.openSession();
    const opening = connection.openForward({ host: 'h', port: 1 });
    const closed = new Promise<void>((resolve) => channel.attach({ onClosed: resolve }));
    for (const open of server.listener.connections) open.destroy();
    await expect(opening).rejects.toMatchObject({ code: 'ssh.closed' });
    await closed;
    expect(connection.signal.reason).toMatchObject({ code: 'ssh.closed' });
    expect(await channel.request({ kind: 'signal', name: 'TERM' })).toBe(false);
  });

  it('never lets a peer open more channels than the limit', async () => {
    server = await startTestServer(key, { onDirectTcpip: () => undefined });
    const connection = await client();
    const opening = Array.from({ length: 512 }, () => connection.openForward({ host: 'h', port: 1 }));
    await expect(connection.openForward({ host: 'h', port: 1 })).rejects.toMatchObject({
      code: 'ssh.channel_shortage',
    });
    connection.destroy();
    await Promise.allSettled(opening);
  });
});
