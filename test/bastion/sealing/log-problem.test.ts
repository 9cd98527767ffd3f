import { expect, it } from 'vitest';
import { logProblem } from '../../../bastion/sealing/log-problem.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryAudit } from '../../support/memory-audit.ts';

const DAY_MS = 86_400_000;

it('a log that somebody else has changed is told of for thirty days', async () => {
  const clock = new FakeClock();
  const audit = new MemoryAudit();
  const source = {
    query: async () =>
      audit.events
        .filter(({ type }) => type === 'audit.end_differed')
        .map((event) => ({ ...event, time: new Date(startedMs).toISOString() }))
        .slice(-1),
  };
  const startedMs = clock.nowMs();
  expect(await logProblem(source, clock)).toBeUndefined();
  const message = 'events 7 to 9 were put into the log by somebody else than its writer';
  const { seq } = await audit.append({ type: 'audit.end_differed', actor: 'system', message });
  expect(await logProblem(source, clock)).toBe(
    `Somebody else than the bastion has changed the audit log: ${message} (event ${seq}).`,
  );
  clock.jumpTo(startedMs + 31 * DAY_MS);
  expect(await logProblem(source, clock)).toBeUndefined();
});
