import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectSsh, type SshClientConnection } from '../../../shared/ssh/client-connection.ts';
import { KEEPALIVE_MS, REKEY_MS } from '../../../shared/ssh/connection-protocol.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createTestKey, type TestKey } from '../../support/ssh-client.ts';
import { startTestServer, type TestServer } from '../../support/ssh-test-server.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const DAY_MS = 24 * 3_600_000;

/** As much as may pass in one step: with one more interval in which nothing comes, the other end counts as gone. */
const STEP_MS = 3 * KEEPALIVE_MS;

describe('an SSH connection in which nothing happens', () => {
  let key: TestKey;
  let server: TestServer;
  let heard: number;
  const clocks = { client: new FakeClock(), server: new FakeClock() };

  beforeEach(async () => {
    key = await createTestKey(temporaryDirectory());
    heard = 0;
    Object.assign(clocks, { client: new FakeClock(), server: new FakeClock() });
    server = await startTestServer(key, {
      clock: clocks.server,
      onGlobalRequest: ({ name }) => {
        if (name === 'keepalive@openssh.com') heard += 1;
        return false;
      },
    });
  });
  afterEach(() => server.listener.close('The test is over.'));

  async function client(): Promise<{ connection: SshClientConnection; socket: Socket }> {
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    const connection = await connectSsh(socket, {
      username: 'alice',
      privateKey: key.privateKey,
      verifyHostKey: () => true,
      timeoutMs: 60_000,
      clock: clocks.client,
    });
    return { connection, socket };
  }

  it('lives for a day by what both ends say to keep it alive, with new keys every hour', async () => {
    const { connection } = await client();
    const channel = await connection.openSession();
    let echoed = '';
    channel.attach({
      onData: (chunk) => {
        echoed += chunk.toString();
      },
    });
    await channel.request({ kind: 'exec', command: Buffer.from('cat') });
    for (let passedMs = 0; passedMs < DAY_MS; passedMs += STEP_MS) {
      const before = heard;
      clocks.client.advance(STEP_MS);
      clocks.server.advance(STEP_MS);
      while (heard < before + STEP_MS / KEEPALIVE_MS) {
        if (connection.signal.aborted) throw connection.signal.reason;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(heard).toBe(DAY_MS / KEEPALIVE_MS);
    channel.write(Buffer.from('still here'));
    await waitFor(() => echoed === 'still here');
    expect(DAY_MS).toBeGreaterThan(20 * REKEY_MS);
    expect(server.closed).toEqual([]);
    connection.end();
  });

  it.each(['client', 'server'] as const)('is given up by a %s that hears nothing any more', async (end) => {
    const { connection, socket } = await client();
    // What the other end says stays where it is.
    socket.pause();
    try {
      clocks[end].advance(STEP_MS);
      expect([connection.signal.aborted, server.closed]).toEqual([false, []]);
      await waitFor(() => {
        // Also the goodbye goes nowhere, for which the server waits a little by its own clock.
        clocks[end].advance(KEEPALIVE_MS);
        return end === 'client' ? connection.signal.aborted : server.closed.length === 1;
      });
      const why = end === 'client' ? String(connection.signal.reason) : server.closed[0];
      expect(why).toContain('silent for too long');
    } finally {
      socket.destroy();
    }
  });
});
