import { once } from 'node:events';
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Json } from '../../../shared/audit/event.ts';
import { ControlClient } from '../../../shared/control/client.ts';
import type { ControlHandler } from '../../../shared/control/handler.ts';
import { ControlServer } from '../../../shared/control/server.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import { silentLogger } from '../../../shared/log.ts';
import { collect } from '../../support/collect.ts';
import { startTypeScriptChild } from '../../support/inline-child.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

async function serve(
  handlers: Record<string, ControlHandler>,
  path = join(temporaryDirectory(), 'control.sock'),
) {
  const server = await ControlServer.listen(path, handlers, silentLogger());
  onTestFinished(() => server.close());
  return { server, path };
}

async function dial(path: string): Promise<ControlClient> {
  const client = await ControlClient.connect(path);
  onTestFinished(() => client.close());
  return client;
}

/** What the server answers to raw bytes, until it hangs up or `until` is in it. */
async function raw(path: string, bytes: string | Buffer, until?: string): Promise<string> {
  const socket: Socket = connect(path);
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString();
  });
  socket.on('error', () => socket.destroy());
  socket.write(bytes);
  await waitFor(
    () => socket.closed || socket.readableEnded || (until !== undefined && answer.includes(until)),
  );
  socket.destroy();
  return answer;
}

const never: ControlHandler = (_params, { signal }) =>
  new Promise<Json>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });

describe('the control socket', () => {
  it('calls a method with its params and says who calls', async () => {
    const { path } = await serve({
      echo: async (params, { actor }) => ({ params, actor }),
      nothing: async () => {},
    });
    const client = await dial(path);
    const actor = `local:${userInfo().username}`;
    expect(await client.call('echo', { a: [1, 'ü😀\n', null] })).toEqual({
      params: { a: [1, 'ü😀\n', null] },
      actor,
    });
    expect(await client.call('echo')).toEqual({ params: null, actor });
    expect(await client.call('nothing')).toBeNull();
  });

  it('answers several requests at once, each to its own', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { path } = await serve({
      slow: async (params) => {
        await gate;
        return params;
      },
      fast: async (params) => {
        release();
        return params;
      },
    });
    const client = await dial(path);
    expect(
      await Promise.all([client.call('slow', 1), client.call('slow', 2), client.call('fast', 3)]),
    ).toEqual([1, 2, 3]);
  });

  it('carries an error with its code and hint, and keeps the particulars of other errors', async () => {
    const { path } = await serve({
      refuse: async () => {
        throw new DrawbridgeError('host.not_found', 'There is no such host.', {
          hint: 'See: drawbridge hosts ls',
        });
      },
      crash: async () => {
        throw new Error('secret detail');
      },
      crashAtOnce: () => {
        throw new Error('secret detail');
      },
    });
    const client = await dial(path);
    await expect(client.call('refuse')).rejects.toMatchObject({
      code: 'host.not_found',
      message: 'There is no such host.',
      hint: 'See: drawbridge hosts ls',
    });
    for (const method of ['crash', 'crashAtOnce']) {
      const error: unknown = await client.call(method).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ code: 'control.failed' });
      expect(String(error)).not.toContain('secret');
    }
    await expect(client.call('toString')).rejects.toMatchObject({ code: 'control.unknown_method' });
  });

  it('streams items in order, with an error at the end if there is one', async () => {
    const { path } = await serve({
      async *count(params) {
        for (let i = 0; i < Number(params); i += 1) yield i;
      },
      async *broken() {
        yield 'one';
        throw new DrawbridgeError('session.not_live', 'It has ended.');
      },
    });
    const client = await dial(path);
    expect(await collect(client.stream('count', 5000))).toEqual(Array.from({ length: 5000 }, (_, i) => i));
    expect(await collect(client.stream('count', 0))).toEqual([]);
    const items: Json[] = [];
    const read = async () => {
      for await (const item of client.stream('broken')) items.push(item);
    };
    await expect(read()).rejects.toMatchObject({ code: 'session.not_live' });
    expect(items).toEqual(['one']);
  });

  it('lets a stream wait for its reader', async () => {
    let produced = 0;
    const { path } = await serve({
      async *flood() {
        for (; produced < 100_000; produced += 1) yield 'x'.repeat(1000);
      },
    });
    const client = await dial(path);
    const stream = client.stream('flood')[Symbol.asyncIterator]();
    await stream.next();
    let before = -1;
    await waitFor(
      async () => {
        const same = before === produced;
        before = produced;
        return same;
      },
      { periodMs: 100 },
    );
    expect(produced).toBeLessThan(5000);
    await stream.return?.();
  });

  it('ends a request whose caller has left the loop, cancelled or gone', async () => {
    let live = 0;
    const { path } = await serve({
      async *watch(_params, { signal }) {
        live += 1;
        try {
          yield 'first';
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        } finally {
          live -= 1;
        }
      },
    });
    const client = await dial(path);
    expect(await collect(client.stream('watch'), 1)).toEqual(['first']);
    await waitFor(() => live === 0);
    const other = await ControlClient.connect(path);
    void collect(other.stream('watch')).catch(() => undefined);
    await waitFor(() => live === 1);
    other.close();
    await waitFor(() => live === 0);
  });

  it('tells callers when the role ends, and leaves no socket behind', async () => {
    const { server, path } = await serve({ never });
    const client = await dial(path);
    const call = client.call('never');
    const refused = expect(call).rejects.toMatchObject({
      code: expect.stringMatching(/^control\.(closed|cancelled|failed)$/),
    });
    await server.close();
    await refused;
    await expect(client.call('never')).rejects.toMatchObject({ code: 'control.closed' });
    expect(existsSync(path)).toBe(false);
    await expect(ControlClient.connect(path)).rejects.toMatchObject({
      code: 'control.not_running',
      hint: expect.any(String),
    });
  });

  it('is for its owner alone', async () => {
    const before = process.umask();
    const { path } = await serve({});
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(before);
    chmodSync(path, 0o600);
  });

  it('takes the place of a socket that a killed process left, but not of a living one or of a file', async () => {
    const path = join(temporaryDirectory(), 'control.sock');
    const child = await startTypeScriptChild(`
      import { createServer } from 'node:net';
      createServer().listen(${JSON.stringify(path)}, () => console.log('listening'));
    `);
    await once(child.stdout, 'data');
    await expect(serve({}, path)).rejects.toMatchObject({ code: 'control.in_use' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(existsSync(path)).toBe(true);
    const { server } = await serve({ ping: async () => 'pong' }, path);
    expect(await (await dial(path)).call('ping')).toBe('pong');
    await server.close();
    writeFileSync(path, 'precious');
    await expect(serve({}, path)).rejects.toMatchObject({ code: 'control.in_use' });
    expect(statSync(path).size).toBe(8);
  });

  it('says what is wrong with a path that is too long or can not be made', async () => {
    const directory = temporaryDirectory();
    await expect(serve({}, join(directory, 'x'.repeat(100)))).rejects.toMatchObject({
      code: 'control.path_too_long',
    });
    await expect(serve({}, join(directory, 'none', 'a.sock'))).rejects.toMatchObject({
      code: 'control.unavailable',
    });
  });
});

describe('a peer of the control socket that does not keep to the rules', () => {
  it.each([
    ['text that is not JSON', 'hello\n'],
    ['JSON that is no request', '[1]\n'],
    ['an id that is no number', '{"id":"1","method":"ping"}\n'],
    ['a negative id', '{"id":-1,"method":"ping"}\n'],
    ['an empty line', '\n'],
    ['bytes that are not UTF-8', Buffer.from([0xff, 0xfe, 0x0a])],
  ])('is told and cut off: %s', async (_what, bytes) => {
    const { path } = await serve({ ping: async () => 'pong' });
    expect(await raw(path, bytes)).toContain('control.malformed');
    expect(await (await dial(path)).call('ping')).toBe('pong');
  });

  it('may send a request of 1 MiB and no larger one', async () => {
    const { path } = await serve({ size: async (params) => String(params).length });
    const line = (length: number) =>
      `${JSON.stringify({ id: 1, method: 'size', params: 'x'.repeat(length) })}\n`;
    const frame = line(0).length - 1;
    expect(await raw(path, line(1024 * 1024 - frame), 'result')).toContain(`"result":${1024 * 1024 - frame}`);
    expect(await raw(path, line(1024 * 1024 - frame + 1))).toContain('control.too_large');
    expect(await raw(path, 'x'.repeat(1024 * 1024 + 1))).toContain('control.too_large');
  });

  it('may have 16 requests going on, and 64 connections', async () => {
    const { path } = await serve({ never, ping: async () => 'pong' });
    const requests = Array.from(
      { length: 17 },
      (_, id) => `${JSON.stringify({ id, method: 'never' })}\n`,
    ).join('');
    expect(await raw(path, requests, '"id":16')).toMatch(/"id":16,"error":\{"code":"control.busy"/);
    const clients: ControlClient[] = [];
    for (let i = 0; i < 64; i += 1) {
      const client = await dial(path);
      await waitFor(async () => (await client.call('ping').catch(() => '')) === 'pong');
      clients.push(client);
    }
    expect(await raw(path, '')).toContain('control.busy');
    clients[0]?.close();
    await waitFor(async () => (await raw(path, '{"id":1,"method":"ping"}\n', 'pong')).includes('pong'));
  });

  it('may cut its messages anywhere', async () => {
    const { path } = await serve({ echo: async (params) => params });
    const socket = connect(path);
    onTestFinished(() => void socket.destroy());
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    for (const byte of Buffer.from(
      '{"id":1,"method":"echo","params":"ü😀"}\n{"id":2,"method":"echo","params":2}\n',
    )) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor(() => answer.includes('"id":2'));
    expect(answer).toBe('{"id":1,"result":"ü😀"}\n{"id":2,"result":2}\n');
  });
});
