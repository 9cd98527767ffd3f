import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AttemptLimiter } from '../../../bastion/admins/attempt-limiter.ts';
import { FakeClock } from '../../support/fake-clock.ts';

test('allows a burst, then one attempt per refill', () => {
  const clock = new FakeClock();
  const limiter = new AttemptLimiter({ burst: 2, refillMs: 1_000, keyLimit: 10 }, clock);
  expect(limiter.take('a').allowed).toBe(true);
  expect(limiter.take('a').allowed).toBe(true);
  expect(limiter.take('a')).toEqual({ allowed: false, first: true, retryAfterMs: 1_000 });
  expect(limiter.take('a')).toMatchObject({ allowed: false, first: false });
  expect(limiter.take('b').allowed).toBe(true);
  clock.advance(1_000);
  expect(limiter.take('a').allowed).toBe(true);
  expect(limiter.take('a').allowed).toBe(false);
});

test('gives back what was right', () => {
  const limiter = new AttemptLimiter({ burst: 1, refillMs: 1_000, keyLimit: 10 }, new FakeClock());
  limiter.take('a');
  limiter.giveBack('a');
  expect(limiter.take('a').allowed).toBe(true);
});

test('forgets the key that was not used for longest when there are too many', () => {
  const limiter = new AttemptLimiter({ burst: 1, refillMs: 1_000, keyLimit: 2 }, new FakeClock());
  limiter.take('a');
  limiter.take('b');
  limiter.take('c');
  expect(limiter.take('c').allowed).toBe(false);
  expect(limiter.take('a').allowed).toBe(true);
});

test('never allows more than burst and refill together', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 60 }), (pausesMs) => {
      const clock = new FakeClock();
      const limits = { burst: 3, refillMs: 1_000, keyLimit: 4 };
      const limiter = new AttemptLimiter(limits, clock);
      let allowed = 0;
      let elapsedMs = 0;
      for (const pauseMs of pausesMs) {
        clock.advance(pauseMs);
        elapsedMs += pauseMs;
        if (limiter.take('a').allowed) allowed += 1;
      }
      expect(allowed).toBeLessThanOrEqual(limits.burst + Math.floor(elapsedMs / limits.refillMs) + 1e-9);
    }),
  );
});
