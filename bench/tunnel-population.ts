import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { MuxTunnel } from '../shared/tunnel/mux-tunnel.ts';
import type { Memory } from './tunnel-far-end.ts';
import { dialTunnel, openIn } from './tunnel-near-end.ts';

const CLIENT_PROCESSES = 4;

/** Dials on their way at once, per process. */
const DIALS_AT_ONCE = 16;

/** What one idle tunnel and one idle stream cost the process at their end. */
export interface IdleCost {
  readonly tunnels: number;
  readonly bytesPerTunnel: number;
  readonly bytesPerStream: number;
}

/** Dials `count` tunnels and keeps them; each message of the parent opens one more stream in each. */
export async function keepTunnels(port: number, count: number): Promise<void> {
  const tunnels: MuxTunnel[] = [];
  let left = count;
  const dialInTurn = async () => {
    while (left > 0) {
      left -= 1;
      tunnels.push(await dialTunnel(port));
    }
  };
  await Promise.all(Array.from({ length: DIALS_AT_ONCE }, dialInTurn));
  process.on('message', () => {
    void Promise.all(tunnels.map((tunnel) => openIn(tunnel, { kind: 'idle' }))).then(() =>
      process.send?.('opened'),
    );
  });
  process.once('disconnect', () => process.exit(0));
  process.send?.('dialled');
}

async function memoryOf(farEnd: ChildProcess): Promise<Memory> {
  const answer = once(farEnd, 'message') as Promise<[Memory]>;
  farEnd.send('memory');
  return (await answer)[0];
}

/** Fills the far end with idle tunnels from several processes, then with a stream in each, and weighs it. */
export async function weighIdle(
  script: string,
  farEnd: ChildProcess,
  port: number,
  tunnels: number,
): Promise<IdleCost> {
  const before = await memoryOf(farEnd);
  const perProcess = Math.ceil(tunnels / CLIENT_PROCESSES);
  const clients = Array.from({ length: CLIENT_PROCESSES }, () =>
    fork(script, ['--population', String(port), String(perProcess)]),
  );
  try {
    await Promise.all(clients.map((client) => once(client, 'message')));
    // The first pings of each tunnel, which are more than an idle one sends.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const idle = await memoryOf(farEnd);
    const opened = clients.map((client) => once(client, 'message'));
    for (const client of clients) client.send('open');
    await Promise.all(opened);
    const withStreams = await memoryOf(farEnd);
    const count = idle.tunnels - before.tunnels;
    return {
      tunnels: count,
      bytesPerTunnel: (idle.rssBytes - before.rssBytes) / count,
      bytesPerStream: (withStreams.rssBytes - idle.rssBytes) / count,
    };
  } finally {
    for (const client of clients) client.kill();
  }
}
