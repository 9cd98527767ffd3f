import { type Contender, withContest } from './contenders.ts';
import { runOver } from './ssh-run.ts';
import { elapsedMs, median, Samples } from './statistics.ts';
import type { Row } from './table.ts';

const ROUNDS = 11;
const GOAL_JUMP = 0.6;
const GOAL_WSS = 0.5;

/** `ssh … true` from its start to its end, signed in already. */
export function runStartBench(): Promise<Row[]> {
  return withContest(async ({ jump, wss, openssh }) => {
    const samples = new Samples();
    const contenders = [jump, wss, openssh];
    for (const contender of contenders) await runOver(contender, 'true');
    for (let round = 0; round < ROUNDS; round++) {
      for (const contender of contenders) {
        samples.add(contender.name, await elapsedMs(() => runOver(contender, 'true')));
      }
    }
    const row = (contender: Contender, goalRatio: number): Row => {
      const ours = samples.of(contender.name);
      const rival = samples.of(openssh.name);
      return {
        figure: `start: ssh … true, ${contender.name}`,
        ours: median(ours),
        rival: median(rival),
        unit: 'ms',
        goal: median(rival) * goalRatio,
        samples: { ours, rival },
      };
    };
    return [row(jump, GOAL_JUMP), row(wss, GOAL_WSS)];
  });
}
