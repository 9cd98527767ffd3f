import { readFileSync } from 'node:fs';
import { type Contender, withContest } from './contenders.ts';
import { quoted, runLine } from './ssh-run.ts';
import { elapsedMs } from './statistics.ts';
import type { Row } from './table.ts';

const DEFAULT_GIB = 1;
const MIB = 1024 ** 2;
const LOOK_MS = 250;
/** What a role may take while any amount passes: a small machine has 1 GiB for all. */
const GOAL_MIB = 256;

/** Which way the bytes go: into a command's input, or out of a command and through its recording. */
type Direction = 'input' | 'recorded output';

/**
 * One transfer of many GiB in each direction through a command, to each target; each end counts what it gets. Says what
 * every role took of memory on the way: whatever anybody keeps of what passes, shows.
 */
export function runFlatBench(gib = DEFAULT_GIB): Promise<Row[]> {
  return withContest(async ({ jump, sshd, demo }) => {
    const [overSshd, builtin] = demo.agents;
    const rows: Row[] = [];
    for (const { contender, agent } of [
      { contender: jump, agent: builtin },
      { contender: sshd, agent: overSshd },
    ]) {
      const pids = { proxy: demo.proxy.pid, bastion: demo.bastion.pid, agent: agent?.pid ?? 0 };
      for (const direction of ['input', 'recorded output'] as const) {
        const { tookMs, highest } = await watched(pids, () => transfer(contender, direction, gib));
        const figure = `flat: ${gib} GiB of ${direction}, ${contender.name}`;
        rows.push({ figure, ours: (gib * 1024 * 1000) / tookMs, unit: 'MiB/s' });
        for (const [role, mib] of highest)
          rows.push({ figure: `${figure}: highest RSS, ${role}`, ours: mib, unit: 'MiB', goal: GOAL_MIB });
      }
    }
    return rows;
  });
}

/** Throws when fewer or more bytes arrive than were sent. */
function transfer(contender: Contender, direction: Direction, gib: number): Promise<void> {
  const bytes = gib * 1024 * MIB;
  const zeros = `head -c ${bytes} /dev/zero`;
  const over = (command: string) =>
    ['ssh', ...contender.options, contender.host, command].map(quoted).join(' ');
  const count = direction === 'input' ? `${zeros} | ${over('wc -c')}` : `${over(zeros)} | wc -c`;
  return runLine(
    `got=$(${count}) && test "$got" -eq ${bytes} || { echo "$got of ${bytes} bytes arrived" >&2; exit 1; }`,
    `${contender.name}: ${gib} GiB of ${direction}`,
  );
}

/** Runs `work` and looks at the resident memory of `pids` meanwhile: the highest of each, in MiB. */
async function watched(
  pids: Readonly<Record<string, number>>,
  work: () => Promise<void>,
): Promise<{ readonly tookMs: number; readonly highest: ReadonlyMap<string, number> }> {
  const highest = new Map<string, number>();
  const look = (): void => {
    for (const [name, pid] of Object.entries(pids))
      highest.set(name, Math.max(highest.get(name) ?? 0, residentMib(pid)));
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  try {
    return { tookMs: await elapsedMs(work), highest };
  } finally {
    clearInterval(timer);
  }
}

function residentMib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}
