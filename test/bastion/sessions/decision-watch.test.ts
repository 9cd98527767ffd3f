import { expect, test } from 'vitest';
import { DECISION_CHECK_MS, DecisionWatch } from '../../../bastion/sessions/decision-watch.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test('decisions are made again when their time has come, also when the clock is set forward or back', () => {
  const clock = new FakeClock();
  const session = { decidedUntilMs: clock.nowMs() + 10_000 };
  let rechecks = 0;
  const watch = new DecisionWatch({
    sessions: () => [{ decidedUntilMs: Number.POSITIVE_INFINITY }, session],
    recheck: () => {
      rechecks += 1;
      session.decidedUntilMs = clock.nowMs() + 3_600_000;
    },
    clock,
  });
  clock.advance(9_000);
  expect(rechecks).toBe(0);
  clock.advance(1_000);
  expect(rechecks).toBe(1);
  clock.advance(60_000);
  expect(rechecks).toBe(1);
  clock.jumpTo(clock.nowMs() + 3_600_000);
  clock.advance(DECISION_CHECK_MS);
  expect(rechecks).toBe(2);
  clock.jumpTo(clock.nowMs() - 7_200_000);
  clock.advance(DECISION_CHECK_MS);
  expect(rechecks).toBe(3);
  watch.close();
  expect(clock.pendingTimers).toBe(0);
});

test('nothing is asked while nobody has a session', () => {
  const clock = new FakeClock();
  const watch = new DecisionWatch({
    sessions: () => [],
    recheck: () => {
      throw new Error('nobody to decide about');
    },
    clock,
  });
  clock.jumpTo(clock.nowMs() - 7_200_000);
  clock.advance(10_000);
  watch.close();
});
