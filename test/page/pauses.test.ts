import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { withoutPauses } from '../../bastion/page/src/player/pauses.ts';

const castOf = (times: readonly number[]) =>
  ['{"version":2,"width":80,"height":24}', ...times.map((at) => JSON.stringify([at, 'o', 'x'])), ''].join(
    '\n',
  );

describe('a cast without its pauses', () => {
  test('has none that is longer than the limit, and all that it showed', () => {
    const { cast, timeline } = withoutPauses(castOf([0.5, 100, 100.2, 500]), 1);
    const times = cast
      .split('\n')
      .slice(1, -1)
      .map((line) => JSON.parse(line)[0] as number);
    expect(times).toEqual([0.5, 1.5, 1.7, 2.7]);
    expect(timeline.durationS).toBeCloseTo(2.7);
    expect(timeline.toPlayed(100)).toBeCloseTo(1.5);
    expect(timeline.toPlayed(300)).toBeCloseTo(2.7);
    expect(timeline.toRecorded(1.6)).toBeCloseTo(100.1);
    expect(timeline.toPlayed(9_999)).toBeCloseTo(2.7);
  });

  test('is the cast itself when pauses are kept, and keeps lines that are no events', () => {
    const cast = `${castOf([1, 70])}# a comment\n`;
    const kept = withoutPauses(cast, undefined);
    expect(kept.cast).toBe(cast);
    expect(kept.timeline.toPlayed(50)).toBe(50);
  });

  test('leads from each event to the same event and back, whatever the times are', () => {
    const steps = fc.array(fc.double({ min: 0, max: 5_000, noNaN: true }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(steps, fc.double({ min: 0.1, max: 10, noNaN: true }), (pauses, limit) => {
        let at = 0;
        const times = pauses.map((pause) => {
          at += Math.round(pause * 1000) / 1000;
          return at;
        });
        const { cast, timeline } = withoutPauses(castOf(times), limit);
        const played = cast
          .split('\n')
          .slice(1, -1)
          .map((line) => JSON.parse(line)[0] as number);
        played.forEach((now, index) => {
          expect(now - (played[index - 1] ?? 0)).toBeLessThanOrEqual(limit + 1e-5);
          expect(timeline.toPlayed(times[index] ?? 0)).toBeCloseTo(now, 4);
        });
      }),
    );
  });
});
