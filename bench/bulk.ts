import { type Contender, type Contest, withContest } from './contenders.ts';
import { runOver } from './ssh-run.ts';
import { elapsedMs, median, Samples } from './statistics.ts';
import type { Row } from './table.ts';

const MIB = 1024 ** 2;
const SIZE_MIB = 300;
const ROUNDS = 3;
const MANY_SESSIONS = 20;
const MANY_SIZE_MIB = 15;

const GOALS = { down: 1.8, up: 1.3, 'down wss': 2, 'up wss': 1.4, many: 1.3 } as const;

/** Zeros from `head` on the host, and zeros into `cat` there: exec, recorded down and accounted up. */
export function runBulkBench(): Promise<Row[]> {
  return withContest((contest) =>
    race(contest, [
      { contender: contest.jump, down: GOALS.down, up: GOALS.up },
      { contender: contest.sshd, down: GOALS.down, up: GOALS.up },
    ]),
  );
}

/** The same by the ProxyCommand over wss. */
export function runBulkWssBench(): Promise<Row[]> {
  return withContest((contest) =>
    race(contest, [{ contender: contest.wss, down: GOALS['down wss'], up: GOALS['up wss'] }]),
  );
}

interface Entry {
  readonly contender: Contender;
  /** Multiples of the rival's throughput. */
  readonly down: number;
  readonly up: number;
}

async function race({ openssh }: Contest, entries: readonly Entry[]): Promise<Row[]> {
  const samples = new Samples();
  const contenders = [...entries.map(({ contender }) => contender), openssh];
  for (const contender of contenders) await runOver(contender, 'true');
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of contenders) {
      const down = await elapsedMs(() => runOver(contender, `head -c ${SIZE_MIB * MIB} /dev/zero`));
      samples.add(`down ${contender.name}`, (SIZE_MIB * 1000) / down);
      const up = await elapsedMs(() => runOver(contender, 'cat >/dev/null', SIZE_MIB * MIB));
      samples.add(`up ${contender.name}`, (SIZE_MIB * 1000) / up);
    }
  }
  return entries.flatMap((entry) =>
    (['down', 'up'] as const).map((direction): Row => {
      const ours = samples.of(`${direction} ${entry.contender.name}`);
      const rival = samples.of(`${direction} ${openssh.name}`);
      return {
        figure: `bulk: ${SIZE_MIB} MiB ${direction}, ${entry.contender.name}`,
        ours: median(ours),
        rival: median(rival),
        unit: 'MiB/s',
        goal: median(rival) * entry[direction],
        samples: { ours, rival },
      };
    }),
  );
}

/** Twenty downloads at once: what all of them move together. */
export function runManyBench(): Promise<Row[]> {
  return withContest(async ({ jump, openssh }) => {
    const samples = new Samples();
    for (const contender of [jump, openssh]) await runOver(contender, 'true');
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of [jump, openssh]) {
        const tookMs = await elapsedMs(() =>
          Promise.all(
            Array.from({ length: MANY_SESSIONS }, () =>
              runOver(contender, `head -c ${MANY_SIZE_MIB * MIB} /dev/zero`),
            ),
          ),
        );
        samples.add(contender.name, (MANY_SESSIONS * MANY_SIZE_MIB * 1000) / tookMs);
      }
    }
    const ours = samples.of(jump.name);
    const rival = samples.of(openssh.name);
    return [
      {
        figure: `many: ${MANY_SESSIONS} sessions of ${MANY_SIZE_MIB} MiB down at once`,
        ours: median(ours),
        rival: median(rival),
        unit: 'MiB/s',
        goal: median(rival) * GOALS.many,
        samples: { ours, rival },
      },
    ];
  });
}
