import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { signInAnother } from './another-operator.ts';
import { startDemo } from './demo-process.ts';
import type { LightReport, LightSession } from './kill-clients.ts';
import { rssMib } from './small-vm.ts';
import type { Row } from './table.ts';

const SESSIONS = 500;
/** One operator may have 100 sessions. */
const OTHER_OPERATORS = ['bob', 'carol', 'dave', 'erin', 'frank'];
const START_LIMIT_MS = 240_000;
/** So long nothing happens before memory is looked at again: keep-alives go, and what the start has left is collected. */
const IDLE_MS = 45_000;

/**
 * 500 recorded sessions on one host in which nothing happens: what each role's process has of memory before, right after
 * they were opened, and when they have been idle for a while.
 */
export async function runIdleSessionsBench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-idle-'));
  const demo = await startDemo(join(folder, 'demo'));
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const clients = fork(fileURLToPath(new URL(`./kill-clients${extension}`, import.meta.url)));
  try {
    const { proxy, bastion, agents, hosts, login, identity } = demo.document;
    const homes = [join(identity, '..')];
    for (const name of OTHER_OPERATORS) homes.push(await signInAnother(demo, name, join(folder, name)));
    const pids = { proxy: proxy.pid, bastion: bastion.pid, agent: agents[0]?.pid ?? 0 };
    const weigh = () => Object.values(pids).map(rssMib);
    const before = weigh();
    const sessions = Array.from({ length: SESSIONS }, (_, number): LightSession => {
      const home = homes[number % homes.length] ?? '';
      return { home, host: hosts[0] ?? '', login, command: 'echo in; exec sleep 3600' };
    });
    clients.send(sessions);
    const begunMs = Date.now();
    await Promise.race([
      once(clients, 'message', { signal: AbortSignal.timeout(START_LIMIT_MS) }),
      once(clients, 'exit').then(() => {
        throw new Error('the light client could not open its sessions');
      }),
    ]);
    const openedS = (Date.now() - begunMs) / 1000;
    const opened = weigh();
    await delay(IDLE_MS);
    const idle = weigh();
    const answer = once(clients, 'message');
    clients.send('report');
    const [report] = (await answer) as [LightReport];
    const open = report.kind === 'open' ? report.open : 0;
    const rows = Object.keys(pids).flatMap((role, index): Row[] => {
      const of = (samples: readonly number[]): number => samples[index] ?? Number.NaN;
      return [
        { figure: `idle-sessions: RSS of the ${role} before`, ours: of(before), unit: 'MiB' },
        {
          figure: `idle-sessions: RSS of the ${role} with ${SESSIONS} sessions`,
          ours: of(opened),
          unit: 'MiB',
        },
        {
          figure: `idle-sessions: RSS of the ${role}, ${IDLE_MS / 1000} s later`,
          ours: of(idle),
          unit: 'MiB',
        },
        {
          figure: `idle-sessions: ${role}, per session`,
          ours: ((of(idle) - of(before)) * 1024) / SESSIONS,
          unit: 'KiB',
        },
      ];
    });
    return [
      { figure: `idle-sessions: ${SESSIONS} opened on one host in`, ours: openedS, unit: 's' },
      { figure: 'idle-sessions: lost', ours: SESSIONS - open, unit: 'sessions lost', goal: 0 },
      ...rows,
    ];
  } finally {
    clients.kill('SIGKILL');
    await demo.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
