import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../shared/clock.ts';
import type { GlobalRequest } from '../../shared/ssh/connection-protocol.ts';
import {
  CANCEL_LISTEN_REQUEST,
  decodeListenAddress,
  encodeListenPort,
  LISTEN_REQUEST,
  type ListenAddress,
} from '../../shared/ssh/remote-forward.ts';
import type { SshServerConnection } from '../../shared/ssh/server-connection.ts';
import { bridgeStream } from '../../shared/ssh/stream-bridge.ts';

/** Addresses on which one connection of the bastion may listen, and connections to them that may be open at once. */
const LISTENERS_MAX = 16;
const SOCKETS_MAX = 256;

/** Ports below it belong to the system. */
const FIRST_USER_PORT = 1024;

/** What one connection of the bastion lets this host listen on, for its operator (`ssh -R`). */
export class Listeners {
  readonly #connection: SshServerConnection;
  readonly #isSuperuser: () => boolean;
  readonly #clock: Clock;
  readonly #servers = new Map<string, Server>();
  readonly #sockets = new Set<Socket>();
  /** One request behind the other, so that none is through when the connection has gone. */
  #settled: Promise<unknown> = Promise.resolve();

  /** @param isSuperuser whether the account that was signed in as is root, and may have ports of the system */
  constructor(connection: SshServerConnection, isSuperuser: () => boolean, clock: Clock) {
    this.#connection = connection;
    this.#isSuperuser = isSuperuser;
    this.#clock = clock;
    connection.signal.addEventListener('abort', () => this.#close(), { once: true });
  }

  /** Grants or refuses a global request. The bastion has decided already whether its operator may. */
  request({ name, payload }: GlobalRequest): Promise<boolean | Buffer> {
    const next = this.#settled.then(() => {
      if (name === LISTEN_REQUEST) return this.#listen(decodeListenAddress(payload));
      if (name === CANCEL_LISTEN_REQUEST) return this.#cancel(decodeListenAddress(payload));
      return false;
    });
    this.#settled = next.catch(() => undefined);
    return next;
  }

  async #listen(address: ListenAddress): Promise<boolean | Buffer> {
    const { port } = address;
    const isOfSystem = port > 0 && port < FIRST_USER_PORT;
    if (this.#servers.size >= LISTENERS_MAX || port > 65_535 || (isOfSystem && !this.#isSuperuser()))
      return false;
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const bound = await listenOn(server, address);
    if (bound === undefined) return false;
    if (this.#connection.signal.aborted) {
      server.close();
      return false;
    }
    const listener = { host: address.host, port: bound };
    server.on('connection', (socket) => void this.#carry(listener, socket));
    this.#servers.set(keyOf(listener), server);
    return port === 0 ? encodeListenPort(bound) : true;
  }

  #cancel(address: ListenAddress): boolean {
    const server = this.#servers.get(keyOf(address));
    this.#servers.delete(keyOf(address));
    server?.close();
    return server !== undefined;
  }

  async #carry(listener: ListenAddress, socket: Socket): Promise<void> {
    socket.on('error', () => socket.destroy());
    if (this.#sockets.size >= SOCKETS_MAX) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    const origin = { originHost: socket.remoteAddress ?? '', originPort: socket.remotePort ?? 0 };
    try {
      const channel = await this.#connection.open({ kind: 'forwarded-tcpip', ...listener, ...origin });
      await bridgeStream(channel, socket, {}, this.#clock);
    } catch {
      // The bastion or its operator does not take it; whoever connected sees the end of the connection.
      socket.destroy();
    }
  }

  #close(): void {
    for (const server of this.#servers.values()) server.close();
    this.#servers.clear();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** The port that is listened on; undefined when it can't be. */
function listenOn(server: Server, { host, port }: ListenAddress): Promise<number | undefined> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.once('listening', () => {
      const address = server.address();
      server.on('error', () => undefined);
      resolve(typeof address === 'object' && address !== null ? address.port : undefined);
    });
    server.listen({
      port,
      ...(host === '' || host === '*' ? {} : { host: host === 'localhost' ? '127.0.0.1' : host }),
    });
  });
}

function keyOf({ host, port }: ListenAddress): string {
  return `${host}:${port}`;
}
