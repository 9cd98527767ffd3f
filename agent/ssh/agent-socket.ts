import { chmodSync, chownSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../shared/clock.ts';
import { AGENT_CHANNEL } from '../../shared/ssh/remote-forward.ts';
import type { SshServerConnection } from '../../shared/ssh/server-connection.ts';
import { bridgeStream } from '../../shared/ssh/stream-bridge.ts';

/** Programs that may ask the agent at once. */
const SOCKETS_MAX = 64;

/** A socket by which programs of one session reach the SSH agent of its operator. */
export interface AgentSocket {
  /** For `SSH_AUTH_SOCK`. */
  readonly path: string;
  /** Removes it and cuts who is connected. */
  close(): Promise<void>;
}

/**
 * Makes the socket, for the account alone. Its folder stays ours when we are root, so that nobody can put something else
 * in the place of what is removed later.
 * @param owner user id of the account, when that is another than ours
 */
export async function openAgentSocket(
  connection: SshServerConnection,
  owner: number | undefined,
  clock: Clock,
): Promise<AgentSocket> {
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-agent-'));
  const path = join(folder, 'agent.sock');
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    if (sockets.size >= SOCKETS_MAX) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    connection.open({ kind: 'other', type: AGENT_CHANNEL }).then(
      (channel) => bridgeStream(channel, socket, {}, clock),
      () => socket.destroy(),
    );
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        server.off('error', reject);
        server.on('error', () => undefined);
        resolve();
      });
    });
    chmodSync(path, 0o600);
    if (owner !== undefined) {
      chownSync(path, owner, -1);
      // The way through it, and no look into it.
      await chmod(folder, 0o711);
    }
  } catch (error) {
    server.close();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    path,
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
