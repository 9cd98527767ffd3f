import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_REDIAL_MS, redialDelayMs } from '../../../shared/tunnel/redial.ts';

describe('the wait before a redial', () => {
  test('is short at first and never beyond 15 s', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 100, 5000].map((failures) => redialDelayMs(failures, () => 1));
    expect(longest).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000]);
  });

  test('stays within its bound for every number of failures and every chance', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (failures, chance) => {
        const delay = redialDelayMs(failures, () => chance);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(MAX_REDIAL_MS);
      }),
    );
  });

  test('spreads a thousand bastions that lost the same proxy over the first half second', () => {
    const buckets = new Array<number>(10).fill(0);
    for (let i = 0; i < 1000; i += 1) {
      const bucket = Math.floor(redialDelayMs(1) / 50);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(Math.max(...buckets)).toBeLessThan(200);
  });
});
