import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import { WebSocket } from 'ws';
import { systemClock } from '../shared/clock.ts';
import { silentLogger } from '../shared/log.ts';
import { CLIENT_TLS_OPTIONS } from '../shared/tls/options.ts';
import { leaveMaskZero } from '../shared/tunnel/dial.ts';
import { MAX_MESSAGE_BYTES } from '../shared/tunnel/limits.ts';
import { MuxTunnel } from '../shared/tunnel/mux-tunnel.ts';
import type { TunnelStream } from '../shared/tunnel/tunnel.ts';
import { WebSocketTransport } from '../shared/tunnel/websocket-transport.ts';
import type { Job } from './tunnel-far-end.ts';
import { MIB, sendAll, takeAll } from './tunnel-transfer.ts';

/** A way to the far end: bare TLS, or a stream of the tunnel. */
export type Open = (job: Job) => Promise<Duplex>;

/** Each job over a TLS connection of its own. */
export function bareTls(port: number): Open {
  return async (job) => {
    const socket = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...CLIENT_TLS_OPTIONS });
    await once(socket, 'secureConnect');
    socket.setNoDelay(true);
    socket.write(JSON.stringify(job));
    // The job must arrive alone; the far end reads it as one chunk.
    await new Promise((resolve) => setTimeout(resolve, 20));
    return socket;
  };
}

/** A tunnel to the far end. */
export async function dialTunnel(port: number): Promise<MuxTunnel> {
  const ws = new WebSocket(`wss://127.0.0.1:${port}/`, {
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

/** Opens a stream for the job and waits for the answer. */
export async function openIn(tunnel: MuxTunnel, job: Job): Promise<TunnelStream> {
  const { stream, reply } = tunnel.open({ v: 1, kind: 'bench', job });
  await reply;
  return stream;
}

/** MiB per second towards the far end. */
export async function upload(open: Open, bytes: number): Promise<number> {
  const stream = await open({ kind: 'sink' });
  const startMs = performance.now();
  const done = takeAll(stream);
  await sendAll(stream, bytes);
  await done;
  return bytes / MIB / ((performance.now() - startMs) / 1000);
}

/** MiB per second from the far end. */
export async function download(open: Open, bytes: number): Promise<number> {
  const startMs = performance.now();
  const stream = await open({ kind: 'source', bytes });
  const taken = await takeAll(stream);
  stream.end();
  return taken / MIB / ((performance.now() - startMs) / 1000);
}

/** Round trips of one byte, sorted, in milliseconds. */
export async function echoTimes(open: Open, count: number, pauseMs: number): Promise<number[]> {
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

/** Echo while a bulk transfer in one direction goes the same way: another stream of the tunnel, or another bare connection. */
export async function echoUnderLoad(open: Open, direction: 'up' | 'down', count: number): Promise<number[]> {
  const job: Job = direction === 'up' ? { kind: 'sink' } : { kind: 'source', bytes: 1e12 };
  const bulk = await open(job);
  bulk.on('error', () => {});
  if (direction === 'up') sendAll(bulk, 1e12).catch(() => {});
  else bulk.resume();
  const times = await echoTimes(open, count, 2);
  bulk.destroy();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return times;
}

/** Streams per second that are opened, answered and reset, `atOnce` at a time. */
export async function opensPerSecond(tunnel: MuxTunnel, count: number, atOnce: number): Promise<number> {
  const startMs = performance.now();
  let left = count;
  const openInTurn = async () => {
    while (left > 0) {
      left -= 1;
      const stream = await openIn(tunnel, { kind: 'idle' });
      stream.destroy();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, openInTurn));
  return count / ((performance.now() - startMs) / 1000);
}
