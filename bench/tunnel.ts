import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, connect as tlsConnect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { CLIENT_TLS_OPTIONS, SERVER_TLS_OPTIONS } from '../shared/tls/options.ts';
import { createPrivateCa } from '../shared/tls/private-ca.ts';
import { leaveMaskZero } from '../shared/tunnel/dial.ts';
import { MAX_MESSAGE_BYTES } from '../shared/tunnel/limits.ts';
import { MuxTunnel } from '../shared/tunnel/mux-tunnel.ts';
import type { StreamHandler, TunnelStream } from '../shared/tunnel/tunnel.ts';
import { WebSocketTransport } from '../shared/tunnel/websocket-transport.ts';
import type { Row } from './table.ts';

const MIB = 1024 * 1024;
const PIECE = Buffer.alloc(64 * 1024, 0x61);

/** The tunnel must move at least this share of what a bare TLS connection moves. */
const GOAL_SHARE = 0.6;
const ECHO_GOAL_P99_MS = 10;
const ECHO_GOAL_FACTOR = 3;

/** What the far end does with a connection: takes all, sends so much, or gives back what comes. */
type Job =
  | { readonly kind: 'sink' }
  | { readonly kind: 'source'; readonly bytes: number }
  | { readonly kind: 'echo' };

/** Writes `bytes` and ends, at the pace of the reader. */
async function sendAll(stream: Duplex, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += PIECE.length) {
    if (!stream.write(PIECE)) await once(stream, 'drain');
  }
  stream.end();
}

/** Reads to the end; resolves with the number of bytes. */
async function takeAll(stream: Duplex): Promise<number> {
  let bytes = 0;
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length;
  });
  await once(stream, 'end');
  return bytes;
}

async function doJob(stream: Duplex, job: Job): Promise<void> {
  if (job.kind === 'echo') {
    stream.pipe(stream);
  } else if (job.kind === 'source') {
    stream.resume();
    await sendAll(stream, job.bytes);
  } else {
    await takeAll(stream);
    stream.end('done');
  }
}

/** A measurement ends by cutting its bulk stream, which is no fault. */
function startJob(stream: Duplex, job: Job): void {
  stream.on('error', () => {});
  doJob(stream, job).catch(() => {});
}

interface Ports {
  readonly bare: number;
  readonly tunnel: number;
}

/** The far end, in a process of its own. */
async function serve(directory: string): Promise<void> {
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
  });
  const onStream: StreamHandler = (incoming) => startJob(incoming.accept(), incoming.request['job'] as Job);
  webSockets.on('connection', (ws) => {
    new MuxTunnel({
      transport: new WebSocketTransport(ws),
      side: 'server',
      clock: systemClock,
      log: silentLogger(),
      onStream,
    }).start();
  });
  for (const server of [bare, https]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;
  process.send?.({ bare: portOf(bare), tunnel: portOf(https) } satisfies Ports);
  process.once('disconnect', () => process.exit(0));
}

/** A way to the far end: bare TLS, or a stream of the tunnel. */
type Open = (job: Job) => Promise<Duplex>;

function bareTls(ports: Ports): Open {
  return async (job) => {
    const socket = tlsConnect({
      port: ports.bare,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...CLIENT_TLS_OPTIONS,
    });
    await once(socket, 'secureConnect');
    socket.setNoDelay(true);
    socket.write(JSON.stringify(job));
    // The job must arrive alone; the far end reads it as one chunk.
    await new Promise((resolve) => setTimeout(resolve, 20));
    return socket;
  };
}

async function dialTunnel(ports: Ports): Promise<MuxTunnel> {
  const ws = new WebSocket(`wss://127.0.0.1:${ports.tunnel}/`, {
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    rejectUnauthorized: false,
    ...CLIENT_TLS_OPTIONS,
    generateMask: leaveMaskZero,
  });
  const transport = new WebSocketTransport(ws);
  await once(ws, 'open');
  const tunnel = new MuxTunnel({
    transport,
    side: 'client',
    clock: systemClock,
    log: silentLogger(),
    onStream: (incoming) => incoming.refuse('bench.refused', 'Nothing is offered here.'),
  });
  tunnel.start();
  return tunnel;
}

async function openIn(tunnel: MuxTunnel, job: Job): Promise<TunnelStream> {
  const { stream, reply } = tunnel.open({ v: 1, kind: 'bench', job });
  await reply;
  return stream;
}

async function upload(open: Open, bytes: number): Promise<number> {
  const stream = await open({ kind: 'sink' });
  const startMs = performance.now();
  const done = takeAll(stream);
  await sendAll(stream, bytes);
  await done;
  return bytes / MIB / ((performance.now() - startMs) / 1000);
}

async function download(open: Open, bytes: number): Promise<number> {
  const startMs = performance.now();
  const stream = await open({ kind: 'source', bytes });
  const taken = await takeAll(stream);
  stream.end();
  return taken / MIB / ((performance.now() - startMs) / 1000);
}

/** Round trips of one byte, sorted, in milliseconds. */
async function echoTimes(open: Open, count: number, pauseMs: number): Promise<number[]> {
  const stream = await open({ kind: 'echo' });
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const startMs = performance.now();
    stream.write('k');
    await once(stream, 'data');
    times.push(performance.now() - startMs);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  stream.destroy();
  return times.sort((a, b) => a - b);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
}

/** Echo while bulk streams saturate the tunnel in one direction. */
async function echoUnderLoad(tunnel: MuxTunnel, direction: 'up' | 'down', count: number): Promise<number[]> {
  const job: Job = direction === 'up' ? { kind: 'sink' } : { kind: 'source', bytes: 1e12 };
  const bulk = await openIn(tunnel, job);
  bulk.on('error', () => {});
  if (direction === 'up') sendAll(bulk, 1e12).catch(() => {});
  else bulk.resume();
  const times = await echoTimes((echoJob) => openIn(tunnel, echoJob), count, 2);
  bulk.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return times;
}

async function opensPerSecond(tunnel: MuxTunnel, count: number): Promise<number> {
  const startMs = performance.now();
  for (let i = 0; i < count; i += 1) {
    const stream = await openIn(tunnel, { kind: 'echo' });
    stream.destroy();
  }
  return count / ((performance.now() - startMs) / 1000);
}

/** How much to measure. */
export interface TunnelBenchOptions {
  /** Per transfer. */
  readonly transferBytes?: number;
  /** Transfers per direction, of ours and the rival's in turns; the median counts. */
  readonly rounds?: number;
  readonly echoes?: number;
}

/** The tunnel against bare TLS, between two processes over loopback. */
export async function runTunnelBench(options: TunnelBenchOptions = {}): Promise<Row[]> {
  const { transferBytes = 256 * MIB, rounds = 3, echoes = 400 } = options;
  const directory = await mkdtemp(join(tmpdir(), 'drawbridge-bench-'));
  let child: ChildProcess | undefined;
  try {
    await createPrivateCa(directory, { commonName: 'Drawbridge bench', hosts: ['127.0.0.1'] });
    child = fork(fileURLToPath(import.meta.url), ['--far-end', directory]);
    const [ports] = (await once(child, 'message')) as [Ports];
    return await measure(ports, transferBytes, rounds, echoes);
  } finally {
    child?.kill();
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(ports: Ports, transferBytes: number, rounds: number, echoes: number): Promise<Row[]> {
  const tunnel = await dialTunnel(ports);
  const bare = bareTls(ports);
  const ours: Open = (job) => openIn(tunnel, job);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const up = { ours: [] as number[], rival: [] as number[] };
  const down = { ours: [] as number[], rival: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    up.rival.push(await upload(bare, transferBytes));
    up.ours.push(await upload(ours, transferBytes));
    down.rival.push(await download(bare, transferBytes));
    down.ours.push(await download(ours, transferBytes));
  }
  const idle = await echoTimes(ours, echoes, 2);
  const bareIdle = await echoTimes(bare, echoes, 2);
  const underUp = await echoUnderLoad(tunnel, 'up', echoes);
  const underDown = await echoUnderLoad(tunnel, 'down', echoes);
  const opens = await opensPerSecond(tunnel, 2_000);
  tunnel.close('bench.done', 'The measurement is over.');
  const echoGoalMs = quantile(idle, 0.5) * ECHO_GOAL_FACTOR;
  return [
    throughputRow('one stream up', up),
    throughputRow('one stream down', down),
    {
      figure: 'tunnel: echo idle p50',
      ours: quantile(idle, 0.5),
      rival: quantile(bareIdle, 0.5),
      unit: 'ms',
    },
    {
      figure: 'tunnel: echo idle p99',
      ours: quantile(idle, 0.99),
      rival: quantile(bareIdle, 0.99),
      unit: 'ms',
    },
    { figure: 'tunnel: echo under upload p50', ours: quantile(underUp, 0.5), unit: 'ms', goal: echoGoalMs },
    {
      figure: 'tunnel: echo under upload p99',
      ours: quantile(underUp, 0.99),
      unit: 'ms',
      goal: ECHO_GOAL_P99_MS,
    },
    {
      figure: 'tunnel: echo under download p50',
      ours: quantile(underDown, 0.5),
      unit: 'ms',
      goal: echoGoalMs,
    },
    {
      figure: 'tunnel: echo under download p99',
      ours: quantile(underDown, 0.99),
      unit: 'ms',
      goal: ECHO_GOAL_P99_MS,
    },
    { figure: 'tunnel: streams opened and answered', ours: opens, unit: '1/s' },
  ];
}

function throughputRow(figure: string, values: { ours: readonly number[]; rival: readonly number[] }): Row {
  const rival = median(values.rival);
  return {
    figure: `tunnel: ${figure}, bare TLS`,
    ours: median(values.ours),
    rival,
    unit: 'MiB/s',
    goal: rival * GOAL_SHARE,
  };
}

if (process.argv[2] === '--far-end') await serve(process.argv[3] ?? '.');
