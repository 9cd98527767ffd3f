import { chmod, lstat, unlink } from 'node:fs/promises';
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import type { Actor } from '../audit/event.ts';
import { DrawbridgeError, messageOf, systemCodeOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import { ownName } from '../own-name.ts';
import { ControlConnection } from './connection.ts';
import type { ControlHandler } from './handler.ts';
import { encodeMessage } from './wire.ts';

const CONNECTION_LIMIT = 64;
/** What fits into `sun_path` on every system. */
const PATH_LIMIT_BYTES = 103;

/**
 * The local way in: a UNIX socket (0600) for the command, which needs no network and no login. Who may connect is
 * the account that the role runs as, and root: that is the actor, as nothing else is certain about the other end.
 */
export class ControlServer {
  readonly #server: Server;
  readonly #connections: Set<ControlConnection>;

  private constructor(server: Server, connections: Set<ControlConnection>) {
    this.#server = server;
    this.#connections = connections;
  }

  /**
   * Listens on `socketPath`. A socket that a killed process left behind is replaced.
   * @throws `control.in_use`, `control.path_too_long`, `control.unavailable`
   */
  static async listen(
    socketPath: string,
    handlers: Readonly<Record<string, ControlHandler>>,
    log: Logger,
  ): Promise<ControlServer> {
    if (Buffer.byteLength(socketPath) > PATH_LIMIT_BYTES) {
      throw new DrawbridgeError(
        'control.path_too_long',
        `The path of the control socket is too long: ${socketPath}`,
        {
          hint: `It may have ${PATH_LIMIT_BYTES} bytes; choose a shorter 'dataDir'.`,
        },
      );
    }
    const connections = new Set<ControlConnection>();
    const actor: Actor = `local:${ownName()}`;
    const methods = new Map(Object.entries(handlers));
    const server = createServer((socket) => {
      if (connections.size >= CONNECTION_LIMIT) {
        refuse(socket);
        return;
      }
      const connection = new ControlConnection(socket, { methods, actor, log });
      connections.add(connection);
      socket.once('close', () => connections.delete(connection));
    });
    await bind(server, socketPath);
    server.on('error', (error) => log.error({ error: messageOf(error) }, 'the control socket failed'));
    return new ControlServer(server, connections);
  }

  /** Aborts what is going on, closes all connections and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections) connection.close();
    await closed;
  }
}

function refuse(socket: Socket): void {
  const message = `${CONNECTION_LIMIT} commands are connected already.`;
  socket.on('error', () => socket.destroy());
  socket.end(encodeMessage({ id: null, error: { code: 'control.busy', message } }));
  socket.resume();
}

async function bind(server: Server, path: string): Promise<void> {
  try {
    await listenOnce(server, path);
  } catch (error) {
    if (systemCodeOf(error) !== 'EADDRINUSE' || !(await removeIfStale(path))) throw bindError(path, error);
    await listenOnce(server, path).catch((again: unknown) => {
      throw bindError(path, again);
    });
  }
  await chmod(path, 0o600);
}

function listenOnce(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The socket is bound before listen() returns, so the mask is right for it and for nothing else.
    const mask = process.umask(0o177);
    try {
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

/** True when there was a socket that nobody listens on, which is gone now. */
async function removeIfStale(path: string): Promise<boolean> {
  if (!(await lstat(path)).isSocket()) return false;
  const answered = await new Promise<boolean>((resolve) => {
    const probe = dial(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error) => resolve(systemCodeOf(error) !== 'ECONNREFUSED'));
  });
  if (!answered) await unlink(path);
  return !answered;
}

function bindError(path: string, cause: unknown): DrawbridgeError {
  if (systemCodeOf(cause) === 'EADDRINUSE') {
    return new DrawbridgeError('control.in_use', `Somebody else uses the control socket ${path}.`, {
      hint: 'Another Drawbridge process runs with this data directory; stop it first.',
      cause,
    });
  }
  return new DrawbridgeError(
    'control.unavailable',
    `Could not make the control socket ${path} (${systemCodeOf(cause) ?? messageOf(cause)}).`,
    { hint: 'Check that the data directory exists and can be written.', cause },
  );
}
