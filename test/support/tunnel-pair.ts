import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { silentLogger } from '../../shared/log.ts';
import { MAX_MESSAGE_BYTES } from '../../shared/tunnel/limits.ts';
import { MuxTunnel } from '../../shared/tunnel/mux-tunnel.ts';
import type { StreamHandler } from '../../shared/tunnel/tunnel.ts';
import { WebSocketTransport } from '../../shared/tunnel/websocket-transport.ts';

/** How {@link connectedTunnels} are to be; everything may be left out. */
export interface TunnelPairOptions {
  /** Handles streams that the acceptor opens; refuses them unless given. */
  readonly onDiallerStream?: StreamHandler;
  /** Handles streams that the dialler opens; refuses them unless given. */
  readonly onAcceptorStream?: StreamHandler;
  readonly clock?: Clock;
}

/** Two ends of one tunnel. Call `close` when done, also when the test failed. */
export interface TunnelPair {
  readonly dialler: MuxTunnel;
  readonly acceptor: MuxTunnel;
  close(): Promise<void>;
}

const refuseAll: StreamHandler = (incoming) => incoming.refuse('test.refused', 'Nobody takes streams here.');

/** Two connected WebSockets on loopback, without TLS. */
export async function connectedWebSockets(): Promise<{
  client: WebSocket;
  server: WebSocket;
  close(): Promise<void>;
}> {
  const httpServer = createServer();
  const webSockets = new WebSocketServer({
    server: httpServer,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    autoPong: false,
  });
  const accepted = new Promise<WebSocket>((resolve) => webSockets.once('connection', resolve));
  httpServer.listen(0, '127.0.0.1');
  await once(httpServer, 'listening');
  const { port } = httpServer.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, {
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    autoPong: false,
  });
  const [server] = await Promise.all([accepted, once(client, 'open')]);
  return {
    client,
    server,
    close: async () => {
      client.terminate();
      server.terminate();
      webSockets.close();
      await new Promise((resolve) => httpServer.close(resolve));
    },
  };
}

/** Two connected tunnels over a real WebSocket on loopback. */
export async function connectedTunnels(options: TunnelPairOptions = {}): Promise<TunnelPair> {
  const sockets = await connectedWebSockets();
  const common = { clock: options.clock ?? systemClock, log: silentLogger() };
  const dialler = new MuxTunnel({
    ...common,
    transport: new WebSocketTransport(sockets.client),
    side: 'client',
    onStream: options.onDiallerStream ?? refuseAll,
  });
  const acceptor = new MuxTunnel({
    ...common,
    transport: new WebSocketTransport(sockets.server),
    side: 'server',
    onStream: options.onAcceptorStream ?? refuseAll,
  });
  acceptor.start();
  dialler.start();
  return {
    dialler,
    acceptor,
    close: async () => {
      dialler.close('test.closed', 'The test is over.');
      acceptor.close('test.closed', 'The test is over.');
      await sockets.close();
    },
  };
}
