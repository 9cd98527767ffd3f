import { createServer, type Server, type Socket } from 'node:net';
import { listenFault } from '../listen-fault.ts';
import { networkOf } from '../network.ts';
import { type ServeSshOptions, type SshServerConnection, serveSsh } from './server-connection.ts';

/**
 * Connections that have not signed in yet, from one address (or IPv6 network) and in all; one more is closed at once.
 * An office behind one address, or one Ansible run with many forks, stays below the first.
 */
export const MAX_UNAUTHENTICATED_PER_ADDRESS = 128;
export const MAX_UNAUTHENTICATED = 512;

/** Connections in all; one more is closed at once. */
export const MAX_CONNECTIONS = 5_000;

/** A client that has vanished from the network is looked for after so long; the system gives it up some minutes later. */
const KEEP_ALIVE_DELAY_MS = 60_000;

/** Settings of {@link listenSsh}. */
export interface SshListenerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly maxUnauthenticatedPerAddress?: number;
  readonly maxUnauthenticated?: number;
  readonly maxConnections?: number;
  /** How to serve a client from this address. */
  serve(from: { address: string; port: number }): ServeSshOptions;
  /** A connection was closed because of a limit. */
  onRefused?(event: { address: string; reason: string }): void;
}

/** A listening SSH server. */
export interface SshListener {
  readonly port: number;
  readonly connections: ReadonlySet<SshServerConnection>;
  /** Stops listening and ends every connection with this sentence. */
  close(sentence: string): Promise<void>;
}

/**
 * Listens for SSH over TCP, with limits in front of everything that costs memory or processor.
 * @throws `listen.in_use`, `listen.not_permitted`, `listen.failed`.
 */
export async function listenSsh(options: SshListenerOptions): Promise<SshListener> {
  const connections = new Set<SshServerConnection>();
  const waiting = new Map<string, number>();
  let waitingInAll = 0;
  const limits = {
    perAddress: options.maxUnauthenticatedPerAddress ?? MAX_UNAUTHENTICATED_PER_ADDRESS,
    unauthenticated: options.maxUnauthenticated ?? MAX_UNAUTHENTICATED,
    connections: options.maxConnections ?? MAX_CONNECTIONS,
  };

  const refusalFor = (address: string): string | undefined => {
    if (connections.size >= limits.connections) return 'too many connections';
    if (waitingInAll >= limits.unauthenticated) return 'too many connections that have not signed in';
    if ((waiting.get(networkOf(address)) ?? 0) >= limits.perAddress)
      return 'too many connections from this address that have not signed in';
    return undefined;
  };

  const admit = (address: string): (() => void) => {
    const network = networkOf(address);
    let counted = true;
    waitingInAll += 1;
    waiting.set(network, (waiting.get(network) ?? 0) + 1);
    return () => {
      if (!counted) return;
      counted = false;
      waitingInAll -= 1;
      const left = (waiting.get(network) ?? 1) - 1;
      if (left === 0) waiting.delete(network);
      else waiting.set(network, left);
    };
  };

  const tcp = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS };
  const server = createServer(tcp, (socket: Socket) => {
    const address = socket.remoteAddress ?? 'unknown';
    const reason = refusalFor(address);
    if (reason !== undefined) {
      // Without a listener, a reset of this socket would end the process.
      socket.on('error', () => undefined);
      socket.destroy();
      options.onRefused?.({ address, reason });
      return;
    }
    const signedIn = admit(address);
    const serve = options.serve({ address, port: socket.remotePort ?? 0 });
    const connection = serveSsh(socket, {
      ...serve,
      onReady: (ready) => {
        signedIn();
        serve.onReady?.(ready);
      },
      onClose: (why, closed) => {
        signedIn();
        connections.delete(closed);
        serve.onClose?.(why, closed);
      },
    });
    if (!connection.signal.aborted) connections.add(connection);
  });

  const port = await listen(server, options.host, options.port);
  return {
    port,
    connections,
    async close(sentence) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.disconnect(sentence);
      await closed;
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenFault(error, { host, port, key: 'ssh' })));
    server.listen({ host, port }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
