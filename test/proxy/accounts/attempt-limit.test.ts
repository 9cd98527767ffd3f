import { describe, expect, it } from 'vitest';
import { AttemptLimit } from '../../../proxy/accounts/attempt-limit.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('a limit of attempts', () => {
  it('gives a burst, then one more for each period that goes by', () => {
    const clock = new FakeClock();
    const limit = new AttemptLimit({ burst: 3, refillMs: 1_000 }, clock);
    expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([true, true, true, false]);
    expect(limit.waitMs('a')).toBe(1_000);
    clock.advance(1_000);
    expect(limit.waitMs('a')).toBe(0);
    expect([1, 2].map(() => limit.take('a'))).toEqual([true, false]);
    clock.advance(3_600_000);
    expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([true, true, true, false]);
  });

  it('counts every name by itself', () => {
    const limit = new AttemptLimit({ burst: 1, refillMs: 1_000 }, new FakeClock());
    expect([limit.take('a'), limit.take('a'), limit.take('b')]).toEqual([true, false, true]);
  });

  it('does not charge for what turned out to be good', () => {
    const limit = new AttemptLimit({ burst: 1, refillMs: 1_000 }, new FakeClock());
    for (let round = 0; round < 5; round++) {
      expect(limit.take('a')).toBe(true);
      limit.giveBack('a');
    }
  });

  it('is not moved by a calendar that jumps', () => {
    const clock = new FakeClock();
    const limit = new AttemptLimit({ burst: 1, refillMs: 1_000 }, clock);
    limit.take('a');
    clock.jumpTo(clock.nowMs() + 10 ** 9);
    expect(limit.take('a')).toBe(false);
  });

  it('does not forget what a name has used because many others were named once', () => {
    const limit = new AttemptLimit({ burst: 20, refillMs: 10 ** 9 }, new FakeClock());
    for (let number = 0; number < 19; number++) limit.take('alice');
    for (let number = 0; number < 10_001; number++) limit.take(`name ${number}`);
    expect([limit.take('alice'), limit.take('alice')]).toEqual([true, false]);
  });

  it('forgets the names that were used longest ago, so that strangers cannot fill the memory', () => {
    const limit = new AttemptLimit({ burst: 1, refillMs: 10 ** 9 }, new FakeClock());
    limit.take('first');
    for (let number = 0; number < 10_000; number++) limit.take(`name ${number}`);
    expect(limit.take('name 9999')).toBe(false);
    expect(limit.take('first')).toBe(true);
  });
});
