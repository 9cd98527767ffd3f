import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { listenSsh } from '../../../shared/ssh/listener.ts';
import { createTestKey, ISOLATED, runSsh } from '../../support/ssh-client.ts';
import { startTestServer, type TestServer } from '../../support/ssh-test-server.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

describe('an SSH listener', () => {
  let server: TestServer;
  const sockets: Socket[] = [];

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.listener.close('The test is over.');
  });

  it('bounds connections that have not signed in, and takes others again when those are gone', async () => {
    const key = await createTestKey(temporaryDirectory());
    const refused: string[] = [];
    server = await startTestServer(
      key,
      {},
      { maxUnauthenticatedPerAddress: 2, onRefused: (event) => refused.push(event.reason) },
    );
    for (let index = 0; index < 3; index += 1) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
    }
    await waitFor(() => refused.length === 1);
    expect(refused).toEqual(['too many connections from this address that have not signed in']);
    for (const socket of sockets.splice(0)) socket.destroy();
    await waitFor(() => server.closed.length === 2);
    const args = [...ISOLATED, '-p', String(server.port), '-i', key.path, 'a@127.0.0.1', 'exit 8'];
    expect((await runSsh(args)).code).toBe(8);
  });

  it('holds a hundred handshakes of one office at once', async () => {
    const key = await createTestKey(temporaryDirectory());
    const refused: string[] = [];
    server = await startTestServer(key, {}, { onRefused: (event) => refused.push(event.reason) });
    for (let index = 0; index < 100; index += 1) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      sockets.push(socket);
    }
    await waitFor(() => server.listener.connections.size === 100);
    const args = [...ISOLATED, '-p', String(server.port), '-i', key.path, 'a@127.0.0.1', 'exit 8'];
    expect((await runSsh(args)).code).toBe(8);
    expect(refused).toEqual([]);
  });

  it('says who is in the way when it can not listen', async () => {
    const key = await createTestKey(temporaryDirectory());
    server = await startTestServer(key);
    const serve = () => {
      throw new Error('nobody comes');
    };
    const busy = listenSsh({ host: '127.0.0.1', port: server.port, serve });
    await expect(busy).rejects.toMatchObject({ code: 'listen.in_use' });
    await expect(listenSsh({ host: '192.0.2.1', port: 0, serve })).rejects.toMatchObject({
      code: 'listen.no_such_address',
    });
  });
});
