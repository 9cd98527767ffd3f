import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../shared/clock.ts';
import { clockDifference } from '../../../shared/tunnel/clock-difference.ts';

const NOW_MS = Date.UTC(2030, 0, 2, 3, 4, 5);
const clock = { ...systemClock, nowMs: () => NOW_MS };
const dateAfter = (seconds: number) => new Date(NOW_MS + seconds * 1_000).toUTCString();

describe('the difference of two clocks', () => {
  test('is told with its direction where it is beyond what statements are believed with', () => {
    expect(clockDifference(dateAfter(3_600), clock)).toBe("Its clock is 3600 s ahead of this machine's.");
    expect(clockDifference(dateAfter(-31), clock)).toBe("Its clock is 31 s behind this machine's.");
  });

  test('is nothing to tell within it, or where no date or none that can be read came', () => {
    expect(clockDifference(dateAfter(30), clock)).toBeUndefined();
    expect(clockDifference(undefined, clock)).toBeUndefined();
    expect(clockDifference('yesterday', clock)).toBeUndefined();
  });
});
