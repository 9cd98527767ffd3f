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
import type { Row } from './table.ts';

/** Sessions in all; half of them flood. */
const SESSIONS = 200;
/** Of them, so many are stock `ssh -J` clients. */
const STOCK_SESSIONS = 20;
/** The goal of the 99th percentile, at clients and at hosts. */
const GOAL_MS = 100;
const BEAT_MS = 50;
/** How long all sessions run before the switch is turned. */
const RUN_MS = 10_000;
/** How long is watched for anything that still moves afterwards. */
const WATCH_MS = 4_000;
const START_LIMIT_MS = 180_000;
const CLIENT_PRIORITY = -15;

interface StockClient {
  readonly process: ChildProcess;
  lastOutputMs: number;
}

/**
 * Turns access off under 200 live sessions, half of which flood output, and measures from outside: by the clock of the
 * clients when the last byte of a host reached them, by the clock of the hosts' programs when the last byte of an
 * operator reached them and when they were ended. The time begins with the call on the control socket.
 */
export async function runKillBench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-kill-'));
  const demo = await startDemo(join(folder, 'demo'));
  const programs = await HostPrograms.prepare(join(folder, 'programs'));
  const clients: ChildProcess[] = [];
  try {
    const homes = [join(demo.document.identity, '..'), await signInAnother(demo, 'bob', join(folder, 'bob'))];
    const stock = startStock(demo, programs, clients);
    const light = await startLight(demo, programs, homes, clients);
    await programs.start();
    const floodsBeganMs = Date.now();
    await delay(RUN_MS);
    const client = await ControlClient.connect(demo.document.bastion.socket);
    const calledMs = Date.now();
    await client.call('access.set', { state: 'off', reason: 'kill benchmark' });
    const answeredMs = Date.now();
    client.close();
    await delay(WATCH_MS);
    const report = await lastOutputs(light);
    const outputs = [...report.atMs, ...stock.map(({ lastOutputMs }) => lastOutputMs)];
    const ends = await programs.ends();
    const alive = report.open + stock.filter(({ process }) => process.exitCode === null).length;
    const since = (atMs: number): number => Math.max(atMs - calledMs, 0);
    // Only of those who flood: what the others got last says nothing about the end.
    const atClients = outputs.filter((atMs) => atMs > floodsBeganMs + RUN_MS / 2).map(since);
    const atHosts = ends
      .filter(({ lastInputMs }) => lastInputMs > 0)
      .map(({ lastInputMs }) => since(lastInputMs));
    const hostEnds = ends.map(({ endMs }) => since(endMs));
    return [
      { figure: `off with ${outputs.length} sessions: answered`, ours: answeredMs - calledMs, unit: 'ms' },
      { figure: 'last byte at a client, p50', ours: percentile(atClients, 50), unit: 'ms' },
      { figure: 'last byte at a client, p99', ours: percentile(atClients, 99), unit: 'ms', goal: GOAL_MS },
      { figure: 'last byte at a client, latest', ours: percentile(atClients, 100), unit: 'ms' },
      {
        figure: 'last byte at a stock client, latest',
        ours: since(Math.max(...stock.map((one) => one.lastOutputMs))),
        unit: 'ms',
      },
      {
        figure: 'last byte at a program of a host, p99',
        ours: percentile(atHosts, 99),
        unit: 'ms',
        goal: GOAL_MS,
      },
      { figure: 'program of a host hung up, p50', ours: percentile(hostEnds, 50), unit: 'ms' },
      { figure: 'program of a host hung up, p99', ours: percentile(hostEnds, 99), unit: 'ms', goal: GOAL_MS },
      { figure: 'programs of hosts still running', ours: SESSIONS - ends.length, unit: '' },
      { figure: 'clients still connected', ours: alive, unit: '' },
    ];
  } finally {
    for (const child of clients) child.kill('SIGKILL');
    await demo.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function startStock(demo: DemoProcess, programs: HostPrograms, clients: ChildProcess[]): StockClient[] {
  return Array.from({ length: STOCK_SESSIONS }, (_, number) => {
    const mode = modeOf(number);
    const args = ['-F', demo.document.sshConfig, hostOf(demo, number), programs.command(mode, number)];
    const process = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'ignore'] });
    clients.push(process);
    const client: StockClient = { process, lastOutputMs: 0 };
    process.stdout.on('data', () => {
      client.lastOutputMs = Date.now();
    });
    process.stdin.on('error', () => undefined);
    if (mode === 'listen') {
      const beat = setInterval(() => process.stdin.write('.'), BEAT_MS);
      process.once('exit', () => clearInterval(beat));
    }
    return client;
  });
}

async function startLight(
  demo: DemoProcess,
  programs: HostPrograms,
  homes: readonly string[],
  clients: ChildProcess[],
): Promise<ChildProcess> {
  const sessions = Array.from({ length: SESSIONS - STOCK_SESSIONS }, (_, index): LightSession => {
    const number = index + STOCK_SESSIONS;
    const mode = modeOf(number);
    return {
      home: homes[number < SESSIONS / 2 ? 0 : 1] ?? '',
      host: hostOf(demo, number),
      login: demo.document.login,
      command: programs.command(mode, number),
      ...(mode === 'listen' ? { beatMs: BEAT_MS } : {}),
    };
  });
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const light = fork(fileURLToPath(new URL(`./kill-clients${extension}`, import.meta.url)));
  clients.push(light);
  preferOver(light);
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

/**
 * The machines of 180 operators have processors of their own. Their stand-in has to share these, and what has reached it
 * would wait for it behind everything else that ends.
 */
function preferOver({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, CLIENT_PRIORITY);
  } catch {
    process.stderr.write(
      'bench: the light client has no priority (only root may give it): its bytes come late\n',
    );
  }
}

async function lastOutputs(light: ChildProcess): Promise<Extract<LightReport, { kind: 'last_output' }>> {
  const answer = once(light, 'message');
  light.send('report');
  const [report] = (await answer) as [LightReport];
  if (report.kind !== 'last_output') throw new Error('the light client answered something else');
  return report;
}

function modeOf(number: number): 'flood' | 'listen' {
  return number % 2 === 0 ? 'flood' : 'listen';
}

function hostOf(demo: DemoProcess, number: number): string {
  return demo.document.hosts[(number >> 1) % demo.document.hosts.length] ?? '';
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(Math.ceil((sorted.length * percent) / 100) - 1, 0)] ?? Number.NaN;
}
