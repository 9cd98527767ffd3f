import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { WebSocketServer } from 'ws';
import { systemClock } from '../shared/clock.ts';
import { optimiseEarly } from '../shared/early-optimising.ts';
import { keepHeapRoom } from '../shared/heap-room.ts';
import { silentLogger } from '../shared/log.ts';
import { SERVER_TLS_OPTIONS } from '../shared/tls/options.ts';
import { MAX_MESSAGE_BYTES } from '../shared/tunnel/limits.ts';
import { MuxTunnel } from '../shared/tunnel/mux-tunnel.ts';
import type { StreamHandler } from '../shared/tunnel/tunnel.ts';
import { WebSocketTransport } from '../shared/tunnel/websocket-transport.ts';
import { sendAll, takeAll } from './tunnel-transfer.ts';

/** What the far end does with a connection: takes all, sends so much, gives back what comes, or lets it be. */
export type Job =
  | { readonly kind: 'sink' }
  | { readonly kind: 'source'; readonly bytes: number }
  | { readonly kind: 'echo' }
  | { readonly kind: 'idle' };

const YOUNG_ROUNDS = 20;
const YOUNG_OBJECTS = 500_000;

/** Where the far end listens, for bare TLS and for tunnels. */
export interface Ports {
  readonly bare: number;
  readonly tunnel: number;
}

/** How much memory the far end's process holds, after a garbage collection. */
export interface Memory {
  readonly rssBytes: number;
  readonly tunnels: number;
}

async function doJob(stream: Duplex, job: Job): Promise<void> {
  switch (job.kind) {
    case 'echo':
      stream.pipe(stream);
      return;
    case 'source':
      stream.resume();
      await sendAll(stream, job.bytes);
      return;
    case 'sink':
      await takeAll(stream);
      stream.end('done');
      return;
    case 'idle':
      return;
  }
}

/** A measurement ends by cutting its bulk stream, which is no fault. */
function startJob(stream: Duplex, job: Job): void {
  stream.on('error', () => {});
  doJob(stream, job).catch(() => {});
}

/** What `start` sets in the process of every role. It serves bare TLS as well. */
export function runAsRole(): void {
  keepHeapRoom(systemClock);
  optimiseEarly(systemClock);
}

/** Young objects get the room that they have in every process that has worked: it is no cost of what comes next. */
function growYoungGeneration(): void {
  for (let round = 0; round < YOUNG_ROUNDS; round++) {
    const kept = Array.from({ length: YOUNG_OBJECTS }, (_, n) => ({ n }));
    if (kept.length === 0) return;
  }
}

/** The far end of the measurements, in a process of its own: answers `memory` messages of its parent. */
export async function serveFarEnd(directory: string): Promise<void> {
  runAsRole();
  const tls = {
    cert: await readFile(join(directory, 'cert.pem')),
    key: await readFile(join(directory, 'key.pem')),
    ...SERVER_TLS_OPTIONS,
  };
  const bare = createTlsServer(tls, (socket) => {
    socket.setNoDelay(true);
    socket.once('data', (first) => startJob(socket, JSON.parse(first.toString('utf8')) as Job));
  });
  const https = createHttpsServer(tls);
  const webSockets = new WebSocketServer({
    server: https,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    clientTracking: false,
  });
  const onStream: StreamHandler = (incoming) => startJob(incoming.accept(), incoming.request['job'] as Job);
  const tunnels = new Set<MuxTunnel>();
  webSockets.on('connection', (ws) => {
    const tunnel = new MuxTunnel({
      transport: new WebSocketTransport(ws),
      side: 'server',
      clock: systemClock,
      log: silentLogger(),
      onStream,
    });
    tunnels.add(tunnel);
    tunnel.signal.addEventListener('abort', () => tunnels.delete(tunnel), { once: true });
    tunnel.start();
  });
  for (const server of [bare, https]) {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });
    await once(server, 'listening');
  }
  growYoungGeneration();
  process.on('message', () => {
    global.gc?.();
    const { rss } = process.memoryUsage();
    process.send?.({ rssBytes: rss, tunnels: tunnels.size } satisfies Memory);
  });
  const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
  process.send?.({ bare: portOf(bare), tunnel: portOf(https) } satisfies Ports);
  process.once('disconnect', () => process.exit(0));
}
