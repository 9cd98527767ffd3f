import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { signInAnother } from './another-operator.ts';
import { type DemoProcess, startDemo } from './demo-process.ts';
import { endOf, startLoad } from './echo.ts';
import type { LightPlace } from './light-session.ts';
import type { ManyAgents } from './small-vm-agents.ts';
import type { ManySessions, SessionsReport } from './small-vm-clients.ts';
import { median, quantile } from './statistics.ts';
import type { Row } from './table.ts';

const AGENTS = 500;
const SESSIONS = 200;
const UPLOADS = 5;
/** 5 MiB a second each, together a line of 200 Mbit/s: without a line between them they take both processors. */
const UPLOAD_SOURCE = 'while :; do head -c 524288 /dev/zero || exit; sleep 0.1; done';
const DEFAULT_MINUTES = 1;
const START_LIMIT_MS = 240_000;
const SAMPLE_MS = 1_000;
/** Before it counts: connections settle, and the uploads are under way. */
const SETTLE_MS = 5_000;
/** How long the stalled floods are watched. */
const STALLED_MS = 15_000;

const GOALS = { rssMib: 500, growthPercent: 5, echoP99Ms: 50, stalledRssMib: 400 } as const;

/**
 * The bastion of a customer with a small machine: 500 agents, 200 recorded sessions that are typed into, five uploads
 * that never end. Then, with a fresh one, 200 floods whose readers have stalled. The memory of the bastion's process is watched,
 * not limited; the other processes have the rest of the machine, and the same processors.
 */
export async function runSmallVmBench(minutes = DEFAULT_MINUTES): Promise<Row[]> {
  return [...(await withCrowd((crowd) => soak(crowd, minutes))), ...(await withCrowd(stalled))];
}

/** A demo, and what else there is. */
interface Crowd {
  readonly demo: DemoProcess;
  readonly folder: string;
  readonly places: readonly LightPlace[];
  /** Starts one of this folder's programs, gives it its order, and waits until it says that it is ready. */
  start(program: string, order: ManyAgents | ManySessions): Promise<ChildProcess>;
}

async function withCrowd(use: (crowd: Crowd) => Promise<Row[]>): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-small-vm-'));
  const demo = await startDemo(join(folder, 'demo'));
  const children: ChildProcess[] = [];
  const start = async (program: string, order: ManyAgents | ManySessions): Promise<ChildProcess> => {
    const child = fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)));
    children.push(child);
    child.send(order);
    await Promise.race([
      once(child, 'message', { signal: AbortSignal.timeout(START_LIMIT_MS) }),
      once(child, 'exit').then(() => {
        throw new Error(`${program} ended early`);
      }),
    ]);
    return child;
  };
  try {
    const homes = [join(demo.document.identity, '..')];
    for (const name of ['bob', 'carol']) homes.push(await signInAnother(demo, name, join(folder, name)));
    const { hosts, login } = demo.document;
    const places = Array.from({ length: SESSIONS }, (_, n) => ({
      home: homes[n % homes.length] ?? '',
      host: hosts[(n >> 1) % hosts.length] ?? '',
      login,
    }));
    return await use({ demo, folder, places, start });
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await demo.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function soak({ demo, folder, places, start }: Crowd, minutes: number): Promise<Row[]> {
  const { bastion, sshConfig, hosts } = demo.document;
  const emptyMib = rssMib(bastion.pid);
  await start('small-vm-agents', {
    count: AGENTS,
    dir: join(folder, 'agents'),
    bastionUrl: bastion.url,
    bastionSocket: bastion.socket,
  });
  const agentsMib = rssMib(bastion.pid);
  const typists = await start('small-vm-clients', { places, what: 'type' });
  const contender = { name: 'ssh -J', options: ['-F', sshConfig], host: hosts[0] ?? '' };
  const uploads = Array.from({ length: UPLOADS }, () =>
    startLoad(contender, 'upload', 'cat >/dev/null', UPLOAD_SOURCE),
  );
  try {
    await delay(SETTLE_MS);
    await typed(typists);
    const samples = await watch(bastion.pid, minutes * 60_000);
    const { echoMs, lost } = await typed(typists);
    const third = Math.floor(samples.length / 3);
    const growth = (100 * median(samples.slice(-third))) / median(samples.slice(third, -third)) - 100;
    const what = `small-vm: ${AGENTS} agents, ${SESSIONS} sessions, ${UPLOADS} uploads, ${minutes} min`;
    return [
      { figure: 'small-vm: RSS of a fresh bastion', ours: emptyMib, unit: 'MiB' },
      { figure: `small-vm: RSS with ${AGENTS} agents`, ours: agentsMib, unit: 'MiB' },
      {
        figure: `${what}: RSS, highest`,
        ours: Math.max(...samples),
        unit: 'MiB',
        goal: GOALS.rssMib,
        samples: { ours: samples },
      },
      { figure: 'small-vm: growth in the last third', ours: growth, unit: '%', goal: GOALS.growthPercent },
      { figure: 'small-vm: sessions lost', ours: lost, unit: 'sessions lost', goal: 0 },
      { figure: `small-vm: echo p50, of ${echoMs.length} keys`, ours: quantile(echoMs, 0.5), unit: 'ms' },
      { figure: 'small-vm: echo p99', ours: quantile(echoMs, 0.99), unit: 'ms', goal: GOALS.echoP99Ms },
    ];
  } finally {
    for (const upload of uploads) await endOf(upload);
  }
}

async function stalled({ demo, places, start }: Crowd): Promise<Row[]> {
  await start('small-vm-clients', { places, what: 'stall' });
  const samples = await watch(demo.document.bastion.pid, STALLED_MS);
  return [
    {
      figure: `small-vm: RSS with ${SESSIONS} floods whose readers have stalled, highest`,
      ours: Math.max(...samples),
      unit: 'MiB',
      goal: GOALS.stalledRssMib,
      samples: { ours: samples },
    },
  ];
}

async function typed(typists: ChildProcess): Promise<Extract<SessionsReport, { kind: 'typed' }>> {
  const answer = once(typists, 'message');
  typists.send('report');
  const [report] = (await answer) as [SessionsReport];
  if (report.kind !== 'typed') throw new Error('the sessions answered something else');
  return report;
}

async function watch(pid: number, forMs: number): Promise<number[]> {
  const samples: number[] = [];
  for (const endMs = performance.now() + forMs; performance.now() < endMs; ) {
    await delay(SAMPLE_MS);
    samples.push(rssMib(pid));
  }
  return samples;
}

/** Memory that a process has now. */
export function rssMib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}
