import fc from 'fast-check';
import { expect, it } from 'vitest';
import { playableSegments } from '../../../bastion/search/playable-segments.ts';
import { timelineOf } from '../../../recordings/pauses.ts';

const place = (number: number, startS: number, endS: number) => ({
  number,
  startS,
  endS,
  offsetBytes: number * 100,
  endBytes: (number + 1) * 100,
});

const asRecorded = (atS: number): number => atS;

it('plays the end of a recording, when it is alone in its segment, with the one before', () => {
  const segments = [place(0, 0, 50), place(1, 60, 100), place(2, 200, 200)];
  expect(playableSegments(segments, 200, asRecorded)).toEqual([
    { number: 0, startS: 0, endBytes: 100 },
    { number: 1, startS: 60, endBytes: 300 },
  ]);
});

it('plays as one what was cut within one moment', () => {
  const segments = [place(0, 0, 3), place(1, 3, 3), place(2, 3, 4), place(3, 5, 6)];
  expect(playableSegments(segments, 6, asRecorded)).toEqual([
    { number: 0, startS: 0, endBytes: 300 },
    { number: 3, startS: 5, endBytes: 400 },
  ]);
});

it('gives, for any recording and any limit of pauses, what the player accepts, and all of the file', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(0, 0.001, 0.5, 70, 4_000), fc.constantFrom(0, 0.001, 30)), {
    minLength: 1,
    maxLength: 30,
  });
  const limit = fc.constantFrom(undefined, 1, 10);
  fc.assert(
    fc.property(steps, limit, (pairs, pauseLimitS) => {
      let atS = 0;
      const pauses: [number, number][] = [];
      const segments = pairs.map(([pauseS, lengthS], number) => {
        if (pauseS > 1) pauses.push([atS, atS + pauseS]);
        const startS = atS + pauseS;
        atS = startS + lengthS;
        return place(number, startS, atS);
      });
      const { toPlayed } = timelineOf(atS, pauses, pauseLimitS);
      const playable = playableSegments(segments, atS, toPlayed);
      expect(playable[0]).toMatchObject({ number: 0, startS: 0 });
      expect(playable.at(-1)?.endBytes).toBe(pairs.length * 100);
      for (const [index, { number, startS, endBytes }] of playable.entries()) {
        const next = playable[index + 1];
        const last = segments[endBytes / 100 - 1];
        expect(last?.number).toBeGreaterThanOrEqual(number);
        if (index > 0) expect(startS).toBeLessThan(toPlayed(atS));
        if (next === undefined) continue;
        expect(next.number * 100).toBe(endBytes);
        expect(toPlayed(last?.endS ?? Number.NaN)).toBeLessThan(next.startS);
      }
    }),
  );
});
