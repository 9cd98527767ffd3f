import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPrivateCa } from '../shared/tls/private-ca.ts';
import { type Path, startDelayingRelay } from './delaying-relay.ts';
import { median, quantile } from './statistics.ts';
import type { Row } from './table.ts';
import { type Ports, runAsRole, serveFarEnd } from './tunnel-far-end.ts';
import {
  bareTls,
  dialTunnel,
  download,
  echoTimes,
  echoUnderLoad,
  type Open,
  openIn,
  opensPerSecond,
  upload,
} from './tunnel-near-end.ts';
import { keepTunnels, weighIdle } from './tunnel-population.ts';
import { MIB } from './tunnel-transfer.ts';

/** The tunnel must move at least this share of what a bare TLS connection moves, on loopback and on a long path. */
const GOAL_SHARE = 0.6;
const GOAL_SHARE_FAR = 0.8;
const ECHO_GOAL_P99_MS = 10;
const ECHO_GOAL_FACTOR = 3;
const IDLE_TUNNELS = 5_000;
const IDLE_GOAL_KIB = 36;

/** A path across a continent: 60 ms there and back, half a gigabit per second. */
const FAR_PATH: Path = { delayMs: 30, bytesPerSecond: 64 * MIB };

/** How much to measure. */
export interface TunnelBenchOptions {
  /** Per transfer. */
  readonly transferBytes?: number;
  /** Transfers per direction, of ours and the rival's in turns; the median counts. */
  readonly rounds?: number;
  readonly echoes?: number;
}

/** The tunnel against bare TLS, between two processes over loopback and over a long path. */
export async function runTunnelBench(options: TunnelBenchOptions = {}): Promise<Row[]> {
  const { transferBytes = 256 * MIB, rounds = 3, echoes = 400 } = options;
  runAsRole();
  return withFarEnd(async ({ ports, start }) => {
    const rows = await measureNear(ports, transferBytes, rounds, echoes);
    const { ports: far } = await start(['--far-path', String(ports.bare), String(ports.tunnel)]);
    return [...rows, ...(await measureFar(far, transferBytes, rounds))];
  });
}

/** What a tunnel, and a stream in it, cost their acceptor while nothing happens. */
export async function runIdleTunnelsBench(tunnels = IDLE_TUNNELS): Promise<Row[]> {
  return withFarEnd(async ({ child, ports }) => {
    const cost = await weighIdle(fileURLToPath(import.meta.url), child, ports.tunnel, tunnels);
    return [
      {
        figure: `idle-tunnels: an idle tunnel at its acceptor, of ${cost.tunnels}`,
        ours: cost.bytesPerTunnel / 1024,
        unit: 'KiB',
        goal: IDLE_GOAL_KIB,
      },
      {
        figure: `idle-tunnels: an idle stream at its acceptor, of ${cost.tunnels}`,
        ours: cost.bytesPerStream / 1024,
        unit: 'KiB',
      },
    ];
  });
}

/** The far end in a process of its own, and how to start more of this file's processes. */
interface FarEnd {
  readonly child: ChildProcess;
  readonly ports: Ports;
  start(args: readonly string[]): Promise<{ readonly child: ChildProcess; readonly ports: Ports }>;
}

async function withFarEnd<Result>(use: (farEnd: FarEnd) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'drawbridge-bench-'));
  const children: ChildProcess[] = [];
  const start = async (args: readonly string[]) => {
    const child = fork(fileURLToPath(import.meta.url), [...args], { execArgv: ['--expose-gc'] });
    children.push(child);
    const [ports] = (await once(child, 'message')) as [Ports];
    return { child, ports };
  };
  try {
    await createPrivateCa(directory, { commonName: 'Drawbridge bench', hosts: ['127.0.0.1'] });
    return await use({ ...(await start(['--far-end', directory])), start });
  } finally {
    for (const child of children) child.kill();
    await rm(directory, { recursive: true, force: true });
  }
}

interface Rates {
  readonly ours: number[];
  readonly rival: number[];
}

/** One stream of the tunnel and one bare connection in turns. */
async function race(
  ours: Open,
  rival: Open,
  bytes: number,
  rounds: number,
): Promise<{ up: Rates; down: Rates }> {
  const up: Rates = { ours: [], rival: [] };
  const down: Rates = { ours: [], rival: [] };
  for (let round = 0; round < rounds; round += 1) {
    up.rival.push(await upload(rival, bytes));
    up.ours.push(await upload(ours, bytes));
    down.rival.push(await download(rival, bytes));
    down.ours.push(await download(ours, bytes));
  }
  return { up, down };
}

/** A tunnel whose round trip time is known. */
async function readyTunnel(port: number) {
  const tunnel = await dialTunnel(port);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  return tunnel;
}

async function measureNear(ports: Ports, bytes: number, rounds: number, echoes: number): Promise<Row[]> {
  const tunnel = await readyTunnel(ports.tunnel);
  const bare = bareTls(ports.bare);
  const ours: Open = (job) => openIn(tunnel, job);
  const { up, down } = await race(ours, bare, bytes, rounds);
  const idle = await echoTimes(ours, echoes, 2);
  const bareIdle = await echoTimes(bare, echoes, 2);
  const underUp = await echoUnderLoad(ours, 'up', echoes);
  const bareUnderUp = await echoUnderLoad(bare, 'up', echoes);
  const underDown = await echoUnderLoad(ours, 'down', echoes);
  const bareUnderDown = await echoUnderLoad(bare, 'down', echoes);
  const one = await opensPerSecond(tunnel, 2_000, 1);
  const many = await opensPerSecond(tunnel, 4_000, 64);
  tunnel.close('bench.done', 'The measurement is over.');
  return [
    throughputRow('one stream up', up, GOAL_SHARE),
    throughputRow('one stream down', down, GOAL_SHARE),
    ...idleRows(idle, bareIdle),
    ...loadRows('upload', underUp, bareUnderUp, idle),
    ...loadRows('download', underDown, bareUnderDown, idle),
    { figure: 'tunnel: streams opened and answered, one at a time', ours: one, unit: '1/s' },
    { figure: 'tunnel: streams opened and answered, 64 at a time', ours: many, unit: '1/s' },
  ];
}

async function measureFar(ports: Ports, bytes: number, rounds: number): Promise<Row[]> {
  const tunnel = await readyTunnel(ports.tunnel);
  const { up, down } = await race((job) => openIn(tunnel, job), bareTls(ports.bare), bytes, rounds);
  tunnel.close('bench.done', 'The measurement is over.');
  return [
    throughputRow('rtt60, one stream up', up, GOAL_SHARE_FAR),
    throughputRow('rtt60, one stream down', down, GOAL_SHARE_FAR),
  ];
}

function idleRows(ours: readonly number[], rival: readonly number[]): Row[] {
  return [0.5, 0.99].map((share) => ({
    figure: `tunnel: echo idle p${share * 100}`,
    ours: quantile(ours, share),
    rival: quantile(rival, share),
    unit: 'ms',
  }));
}

function loadRows(
  what: string,
  times: readonly number[],
  rival: readonly number[],
  idle: readonly number[],
): Row[] {
  const goals = { 0.5: quantile(idle, 0.5) * ECHO_GOAL_FACTOR, 0.99: ECHO_GOAL_P99_MS } as const;
  return ([0.5, 0.99] as const).map((share) => ({
    figure: `tunnel: echo under ${what} p${share * 100}`,
    ours: quantile(times, share),
    rival: quantile(rival, share),
    unit: 'ms',
    goal: goals[share],
  }));
}

function throughputRow(figure: string, { ours, rival }: Rates, goalShare: number): Row {
  const bare = median(rival);
  return {
    figure: `tunnel: ${figure}`,
    ours: median(ours),
    rival: bare,
    unit: 'MiB/s',
    goal: bare * goalShare,
  };
}

/** The long path to both ports of the far end, in a process of its own, so that it takes nobody's time. */
async function servePath(bare: number, tunnel: number): Promise<void> {
  const relays = [await startDelayingRelay(bare, FAR_PATH), await startDelayingRelay(tunnel, FAR_PATH)];
  const [bareRelay, tunnelRelay] = relays;
  process.send?.({ bare: bareRelay?.port ?? 0, tunnel: tunnelRelay?.port ?? 0 } satisfies Ports);
  process.once('disconnect', () => process.exit(0));
}

const [, , task, first = '', second = ''] = process.argv;
if (task === '--far-end') await serveFarEnd(first);
else if (task === '--far-path') await servePath(Number(first), Number(second));
else if (task === '--population') await keepTunnels(Number(first), Number(second));
