import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ControlClient } from '../shared/control/client.ts';
import { signInAnother } from './another-operator.ts';
import { type DemoProcess, startDemo } from './demo-process.ts';
import type { LightReport, LightSession } from './kill-clients.ts';
import { HostPrograms } from './kill-host-programs.ts';
import { killOpenSshTunnel } from './kill-rival.ts';
import { forEachOf } from './light-session.ts';
import type { Row } from './table.ts';

/** Sessions in all; half of them flood. Those that do are stock clients. */
const SESSIONS = 200;
/** Every so many-th of the stock clients comes over wss, the others by `ssh -J`. */
const WSS_EVERY = 5;
/** The goal of the 99th percentile, at clients and at hosts. */
const GOAL_MS = 100;
const BEAT_MS = 50;
/** How long all sessions run before the switch is turned. */
const RUN_MS = 10_000;
/** How long is watched for anything that still moves afterwards. */
const WATCH_MS = 4_000;
const START_LIMIT_MS = 180_000;
const STARTED_AT_ONCE = 6;
/** Of the process that reads the clients' output: what it reads late looks as if it had come late. */
const OBSERVER_PRIORITY = -15;

interface StockClient {
  readonly process: ChildProcess;
  readonly way: 'jump' | 'wss';
  lastOutputMs: number;
}

/**
 * Turns access off under 200 live sessions, half of which flood output, and measures from outside: by the clock of the
 * clients when the last byte of a host reached them, by the clock of the hosts' programs when the last byte of an
 * operator reached them and when they were ended. The time begins with the call on the control socket. Then the same over
 * OpenSSH's reverse tunnel, which somebody kills.
 */
export async function runKillBench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-kill-'));
  const demo = await startDemo(join(folder, 'demo'));
  const programs = await HostPrograms.prepare(join(folder, 'programs'));
  const clients: ChildProcess[] = [];
  try {
    const homes = [join(demo.document.identity, '..'), await signInAnother(demo, 'bob', join(folder, 'bob'))];
    const stock = await startStock(demo, programs, homes, clients);
    const light = await startLight(demo, programs, homes, clients);
    await programs.start();
    const floodsBeganMs = Date.now();
    await delay(RUN_MS);
    const client = await ControlClient.connect(demo.document.bastion.socket);
    observeFirst();
    const calledMs = Date.now();
    await client.call('access.set', { state: 'off', reason: 'kill benchmark' });
    const answeredMs = Date.now();
    client.close();
    await delay(WATCH_MS);
    const report = await stillOpen(light);
    const ends = await programs.ends();
    const alive = report.open + stock.filter(({ process }) => process.exitCode === null).length;
    const since = (atMs: number): number => Math.max(atMs - calledMs, 0);
    const atClients = flooded(stock, floodsBeganMs).map(({ lastOutputMs }) => since(lastOutputMs));
    const overWss = flooded(stock, floodsBeganMs).filter(({ way }) => way === 'wss');
    const atHosts = ends
      .filter(({ lastInputMs }) => lastInputMs > 0)
      .map(({ lastInputMs }) => since(lastInputMs));
    const hostEnds = ends.map(({ endMs }) => since(endMs));
    setPriority(0);
    for (const child of clients) child.kill('SIGKILL');
    await demo.stop();
    const rival = await killOpenSshTunnel(folder, {
      ...{ sessions: SESSIONS, modeOf, beatMs: BEAT_MS, runMs: RUN_MS, observeFirst },
    });
    return [
      { figure: `off with ${SESSIONS} sessions: answered`, ours: answeredMs - calledMs, unit: 'ms' },
      {
        figure: 'last byte at a client, p50',
        ours: percentile(atClients, 50),
        rival: percentile(rival.lastAtClientMs, 50),
        unit: 'ms',
      },
      {
        figure: 'last byte at a client, p99',
        ours: percentile(atClients, 99),
        rival: percentile(rival.lastAtClientMs, 99),
        unit: 'ms',
        goal: GOAL_MS,
      },
      {
        figure: 'last byte at a client over wss, latest',
        ours: since(Math.max(...overWss.map(({ lastOutputMs }) => lastOutputMs))),
        unit: 'ms',
      },
      {
        figure: 'last byte at a program of a host, p99',
        ours: percentile(atHosts, 99),
        rival: percentile(rival.inputMs, 99),
        unit: 'ms',
        goal: GOAL_MS,
      },
      {
        figure: 'program of a host hung up, p50',
        ours: percentile(hostEnds, 50),
        rival: percentile(rival.hungUpMs, 50),
        unit: 'ms',
      },
      {
        figure: 'program of a host hung up, p99',
        ours: percentile(hostEnds, 99),
        rival: percentile(rival.hungUpMs, 99),
        unit: 'ms',
        goal: GOAL_MS,
      },
      {
        figure: 'programs of hosts still running',
        ours: SESSIONS - ends.length,
        rival: SESSIONS - rival.hungUpMs.length,
        unit: '',
      },
      { figure: 'clients still connected', ours: alive, unit: '' },
    ];
  } finally {
    setPriority(0);
    for (const child of clients) child.kill('SIGKILL');
    await demo.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The clients of the floods: each with processes of its own, as operators have them. Resolves once all are there. */
async function startStock(
  demo: DemoProcess,
  programs: HostPrograms,
  homes: readonly string[],
  clients: ChildProcess[],
): Promise<StockClient[]> {
  const stock: StockClient[] = [];
  const signal = AbortSignal.timeout(START_LIMIT_MS);
  await forEachOf(sessionsThat('flood'), STARTED_AT_ONCE, async (number) => {
    const way = stock.length % WSS_EVERY === 0 ? 'wss' : 'jump';
    const host = `${hostOf(demo, number)}${way === 'wss' ? '.wss' : ''}`;
    const config = join(homeOf(homes, number), 'ssh_config');
    const process = spawn('ssh', ['-F', config, host, programs.command('flood', number)], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    clients.push(process);
    const client: StockClient = { process, way, lastOutputMs: 0 };
    stock.push(client);
    process.stdin.on('error', () => undefined);
    process.stdout.on('data', () => {
      client.lastOutputMs = Date.now();
    });
    await once(process.stdout, 'data', { signal });
  });
  return stock;
}

/** After all children have been started: they would inherit it. */
function observeFirst(): void {
  try {
    setPriority(OBSERVER_PRIORITY);
  } catch {
    process.stderr.write('bench: only root may give the observer priority: bytes are noted late\n');
  }
}

/** Those whose output came to the end: what another got last says nothing about it. */
function flooded(stock: readonly StockClient[], floodsBeganMs: number): StockClient[] {
  const those = stock.filter(({ lastOutputMs }) => lastOutputMs > floodsBeganMs + RUN_MS / 2);
  if (those.length < stock.length / 2)
    throw new Error('most floods stood still before access was turned off');
  return those;
}

async function startLight(
  demo: DemoProcess,
  programs: HostPrograms,
  homes: readonly string[],
  clients: ChildProcess[],
): Promise<ChildProcess> {
  const sessions = sessionsThat('listen').map(
    (number): LightSession => ({
      home: homeOf(homes, number),
      host: hostOf(demo, number),
      login: demo.document.login,
      command: programs.command('listen', number),
      beatMs: BEAT_MS,
    }),
  );
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const light = fork(fileURLToPath(new URL(`./kill-clients${extension}`, import.meta.url)));
  clients.push(light);
  light.send(sessions);
  const signal = AbortSignal.timeout(START_LIMIT_MS);
  await Promise.race([
    once(light, 'message', { signal }),
    once(light, 'exit').then(() => {
      throw new Error('the light client could not open its sessions');
    }),
  ]);
  return light;
}

async function stillOpen(light: ChildProcess): Promise<Extract<LightReport, { kind: 'open' }>> {
  const answer = once(light, 'message');
  light.send('report');
  const [report] = (await answer) as [LightReport];
  if (report.kind !== 'open') throw new Error('the light client answered something else');
  return report;
}

function modeOf(number: number): 'flood' | 'listen' {
  return number % 2 === 0 ? 'flood' : 'listen';
}

function sessionsThat(mode: 'flood' | 'listen'): number[] {
  return Array.from({ length: SESSIONS }, (_, number) => number).filter((number) => modeOf(number) === mode);
}

function homeOf(homes: readonly string[], number: number): string {
  return homes[number < SESSIONS / 2 ? 0 : 1] ?? '';
}

function hostOf(demo: DemoProcess, number: number): string {
  return demo.document.hosts[(number >> 1) % demo.document.hosts.length] ?? '';
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil((sorted.length * percent) / 100) - 1, 0)] ?? Number.NaN;
}
