import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SeenOnce } from '../../../shared/identity/seen-once.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('ids that are seen once', () => {
  it('are taken once, until they expire and even then not again', () => {
    const clock = new FakeClock(0);
    const seen = new SeenOnce({ limit: 10, clock });
    expect(seen.add('a', 1000)).toBe(true);
    expect(seen.add('a', 1000)).toBe(false);
    clock.advance(1000);
    expect(seen.add('b', 5000)).toBe(true);
    expect(seen.size).toBe(1);
    expect(seen.add('a', 1000)).toBe(false);
  });

  it('are refused beyond the bound until others expire', () => {
    const clock = new FakeClock(0);
    const seen = new SeenOnce({ limit: 2, clock });
    expect([seen.add('a', 1000), seen.add('b', 500), seen.add('c', 2000)]).toEqual([true, true, false]);
    clock.advance(500);
    expect(seen.add('c', 2000)).toBe(true);
    expect(seen.add('d', 2000)).toBe(false);
  });

  it('stay refused when the clock goes back', () => {
    const clock = new FakeClock(10_000);
    const seen = new SeenOnce({ limit: 10, clock });
    seen.add('a', 11_000);
    clock.jumpTo(20_000);
    seen.add('b', 30_000);
    clock.jumpTo(10_000);
    expect(seen.add('a', 11_000)).toBe(false);
    expect(seen.add('new', 12_000)).toBe(true);
  });

  it('are never taken twice and never held beyond the bound, whatever happens', () => {
    const step = fc.record({ id: fc.nat(30), lifeMs: fc.integer({ min: 1, max: 100 }), passMs: fc.nat(50) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 200 }), (limit, stepsToDo) => {
        const clock = new FakeClock(0);
        const seen = new SeenOnce({ limit, clock });
        const expiries = new Map<number, number>();
        for (const { id, lifeMs, passMs } of stepsToDo) {
          // One token keeps its id and its expiry, however often it is shown.
          const expiresAtMs = expiries.get(id) ?? clock.nowMs() + lifeMs;
          const isNew = !expiries.has(id);
          if (seen.add(String(id), expiresAtMs)) {
            expect(isNew).toBe(true);
            expiries.set(id, expiresAtMs);
          }
          expect(seen.size).toBeLessThanOrEqual(limit);
          clock.advance(passMs);
        }
      }),
    );
  });
});
