import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Pause, timelineOf } from '../../recordings/pauses.ts';

describe('the times of a recording', () => {
  it('are its own when no pause is to be shortened', () => {
    const { toPlayed, toRecorded, durationS } = timelineOf(8, [[1, 5]]);
    expect([toPlayed(3), toRecorded(3), durationS]).toEqual([3, 3, 8]);
  });

  it('stand still in the rest of a pause, and go on behind it', () => {
    const { toPlayed, toRecorded, durationS } = timelineOf(110, [[10, 100]], 1);
    expect([10, 10.5, 50, 100, 104].map(toPlayed)).toEqual([10, 10.5, 11, 11, 15]);
    expect([10.5, 11, 15].map(toRecorded)).toEqual([10.5, 100, 104]);
    expect(durationS).toBe(21);
    expect([toPlayed(9_999), toRecorded(9_999)]).toEqual([21, 110]);
  });

  it('never run backwards, and lead from where something was shown back to there', () => {
    const pauses = fc
      .uniqueArray(fc.integer({ min: 0, max: 30_000 }), { maxLength: 40 })
      .map((times) => times.sort((a, b) => a - b))
      .map((times) =>
        times.flatMap((fromS, index): Pause[] => {
          const toS = times[index + 1];
          return index % 2 === 1 || toS === undefined ? [] : [[fromS, toS]];
        }),
      );
    fc.assert(
      fc.property(
        pauses,
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.nat(30_000)),
        (found, limitS, moments) => {
          const { toPlayed, toRecorded, durationS } = timelineOf(30_000, found, limitS);
          let before = 0;
          for (const at of moments.sort((a, b) => a - b)) {
            const played = toPlayed(at);
            expect(played).toBeGreaterThanOrEqual(before);
            expect(played).toBeLessThanOrEqual(durationS);
            before = played;
            const isShown = !found.some(([fromS, toS]) => at > fromS + limitS && at < toS);
            if (isShown && !found.some(([fromS, toS]) => at === fromS + limitS && at < toS)) {
              expect(toRecorded(played)).toBeCloseTo(at, 6);
            }
          }
        },
      ),
    );
  });
});
