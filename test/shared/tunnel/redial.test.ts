import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FURTHER_SPREAD_MS, MAX_REDIAL_MS, redialDelayMs, SPREAD_MS } from '../../../shared/tunnel/redial.ts';

describe('the wait before a redial', () => {
  test('is a short spread when nothing speaks against the dial, and longer for further tunnels', () => {
    expect(redialDelayMs(0, 0, () => 1)).toBe(SPREAD_MS);
    expect(redialDelayMs(0, 1, () => 1)).toBe(SPREAD_MS + FURTHER_SPREAD_MS);
  });

  test('doubles with each refusal and is never beyond 15 s', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 100, 5000].map((failures) => redialDelayMs(failures, 0, () => 1));
    expect(longest).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000, 15_000]);
  });

  test('stays within its bound for every number of failures and every chance', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (failures, chance) => {
        const delay = redialDelayMs(failures, 0, () => chance);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(MAX_REDIAL_MS);
      }),
    );
  });
});
