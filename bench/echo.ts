import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type Contender, type Contest, withContest } from './contenders.ts';
import { quoted } from './ssh-run.ts';
import { quantile, Samples } from './statistics.ts';
import type { Row } from './table.ts';

const KEYSTROKES = 300;
/** Typed first in every session of every contender, and not counted. */
const WARM_UP_KEYSTROKES = 300;
/**
 * Sessions of every contender that are not counted, typed without pauses: a runtime compiles what it has seen often, for
 * the first sessions of its life. A bastion that runs for weeks has that behind it.
 */
const WARM_UP_SESSIONS = 8;
const WARM_UP_SESSION_KEYSTROKES = 1_000;
const BETWEEN_MS = 10;
const ROUNDS = 3;
/** A keystroke that is not back by then ends the measurement. */
const LOST_MS = 30_000;
/** What the other operator's transfer has behind it before typing begins. */
const LOAD_HEAD_START_MS = 2_000;

const GOALS = { idleRatio: 1.5, idleP99Ms: 2, downRatio: 0.2, upP90Ms: 6 } as const;

/** Keystrokes in a recorded terminal, one after the other, nothing else going on. */
export function runEchoBench(): Promise<Row[]> {
  return withContest(async ({ jump, wss, openssh }) => {
    const contenders = [jump, wss, openssh];
    for (let session = 0; session < WARM_UP_SESSIONS; session++) {
      for (const contender of contenders) await typeInto(contender, WARM_UP_SESSION_KEYSTROKES, 0);
    }
    const samples = await inTurns(contenders, (contender) => typeInto(contender));
    const rival = samples.of(openssh.name);
    return [jump, wss].flatMap((contender): Row[] => {
      const ours = samples.of(contender.name);
      const row = (share: number): Row => {
        const goal = quantile(rival, share) * GOALS.idleRatio;
        return {
          figure: `echo: a keystroke, p${share * 100}, ${contender.name}`,
          ours: quantile(ours, share),
          rival: quantile(rival, share),
          unit: 'ms',
          goal: share === 0.99 ? Math.min(goal, GOALS.idleP99Ms) : goal,
          samples: { ours, rival },
        };
      };
      return [row(0.5), row(0.99)];
    });
  });
}

/** The same while a transfer of another connection goes through the same tunnels. */
export function runEchoBulkBench(): Promise<Row[]> {
  return withContest(async (contest) => [
    ...(await underLoad(contest, 'download', 'cat /dev/zero', (rival) => rival * GOALS.downRatio)),
    ...(await underLoad(contest, 'upload', 'cat >/dev/null', () => GOALS.upP90Ms)),
  ]);
}

async function underLoad(
  { jump, openssh }: Contest,
  what: 'download' | 'upload',
  command: string,
  goalOf: (rivalP90Ms: number) => number,
): Promise<Row[]> {
  const samples = await inTurns([jump, openssh], async (contender) => {
    const load = startLoad(contender, what, command);
    try {
      await delay(LOAD_HEAD_START_MS);
      return await typeInto(contender);
    } finally {
      await endOf(load);
    }
  });
  const ours = samples.of(jump.name);
  const rival = samples.of(openssh.name);
  return [0.5, 0.9].map((share) => ({
    figure: `echo-bulk: a keystroke under ${what}, p${share * 100}`,
    ours: quantile(ours, share),
    rival: quantile(rival, share),
    unit: 'ms',
    ...(share === 0.9 ? { goal: goalOf(quantile(rival, share)) } : {}),
    samples: { ours, rival },
  }));
}

async function inTurns(
  contenders: readonly Contender[],
  measure: (contender: Contender) => Promise<readonly number[]>,
): Promise<Samples> {
  const samples = new Samples();
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of contenders) samples.add(contender.name, ...(await measure(contender)));
  }
  return samples;
}

/** A transfer that goes on until {@link endOf}. */
export function startLoad(
  contender: Contender,
  what: 'download' | 'upload',
  command: string,
  source = 'cat /dev/zero',
): ChildProcess {
  const ssh = ['ssh', ...contender.options, contender.host, command].map(quoted).join(' ');
  const line = what === 'download' ? `${ssh} </dev/null` : `${source} | ${ssh}`;
  return spawn('/bin/sh', ['-c', `${line} >/dev/null 2>&1`], { stdio: 'ignore', detached: true });
}

/** Ends the whole pipeline, and waits for it. */
export async function endOf(load: ChildProcess): Promise<void> {
  if (load.exitCode !== null || load.signalCode !== null)
    throw new Error('the transfer beside the typing ended early');
  const ended = once(load, 'close');
  if (load.pid !== undefined) process.kill(-load.pid, 'SIGTERM');
  await ended;
}

/** Types into a terminal whose line discipline echoes; how long each keystroke took to come back, in milliseconds. */
async function typeInto(
  contender: Contender,
  keystrokes = KEYSTROKES,
  betweenMs = BETWEEN_MS,
): Promise<readonly number[]> {
  const ready = 'ready-to-type';
  const command = `stty raw echo; echo ${ready}; exec cat >/dev/null`;
  const args = ['-tt', ...contender.options, contender.host, command];
  const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    let seen = '';
    let arrived: () => void = () => undefined;
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      seen += text;
      arrived();
    });
    const until = async (isThere: () => boolean): Promise<void> => {
      const deadline = performance.now() + LOST_MS;
      while (!isThere()) {
        const leftMs = deadline - performance.now();
        if (leftMs <= 0 || child.exitCode !== null)
          throw new Error(`${contender.name}: no echo; saw ${seen.slice(-200)}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(leftMs, 1_000));
          arrived = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    };
    await until(() => seen.includes(ready));
    const times: number[] = [];
    for (let n = -WARM_UP_KEYSTROKES; n < keystrokes; n++) {
      const key = String.fromCharCode(97 + ((n + WARM_UP_KEYSTROKES) % 26));
      seen = '';
      const typedMs = performance.now();
      child.stdin.write(key);
      await until(() => seen.includes(key));
      if (n >= 0) times.push(performance.now() - typedMs);
      if (betweenMs > 0) await delay(betweenMs);
    }
    return times;
  } finally {
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    await closed;
  }
}
