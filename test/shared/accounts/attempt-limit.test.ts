import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AttemptLimit } from '../../../shared/accounts/attempt-limit.ts';
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

  it('tells the first refusal of a row, and begins anew behind one that was let through', () => {
    const clock = new FakeClock();
    const limit = new AttemptLimit({ burst: 1, refillMs: 1_000 }, clock);
    limit.take('a');
    expect([limit.noteRefusal('a'), limit.noteRefusal('a')]).toEqual([true, false]);
    clock.advance(1_000);
    limit.take('a');
    expect(limit.noteRefusal('a')).toBe(true);
  });

  it('never allows more than burst and refill together', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 }), (pausesMs) => {
        const clock = new FakeClock();
        const rate = { burst: 3, refillMs: 1_000 };
        const limit = new AttemptLimit(rate, clock);
        let allowed = 0;
        let elapsedMs = 0;
        for (const pauseMs of pausesMs) {
          clock.advance(pauseMs);
          elapsedMs += pauseMs;
          if (limit.take('a')) allowed += 1;
        }
        expect(allowed).toBeLessThanOrEqual(rate.burst + Math.floor(elapsedMs / rate.refillMs) + 1e-9);
      }),
    );
  });
});
