import fc from 'fast-check';
import { expect, test } from 'vitest';
import { castForPlayer, withCarriageReturns } from '../../bastion/page/src/player/line-ends.ts';

const cast = (pty: boolean, ...events: unknown[]) =>
  [{ version: 2, width: 80, height: 24, drawbridge: { pty } }, ...events]
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');

test('output without a terminal gets a carriage return before each bare line feed', () => {
  const drawn = castForPlayer(cast(false, [0.1, 'o', 'a\nb\r\nc\n'], [0.2, 'x', '0']));
  expect(drawn).toBe(cast(false, [0.1, 'o', 'a\r\nb\r\nc\r\n'], [0.2, 'x', '0']));
});

test('output of a terminal stays as it was', () => {
  const recorded = cast(true, [0.1, 'o', 'a\nb']);
  expect(castForPlayer(recorded)).toBe(recorded);
});

test('a file that is no cast stays as it was', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(castForPlayer(text)).toBe(text);
    }),
  );
});

test('no line feed is left bare, and nothing but carriage returns is added', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', '\r', '\n') }), (text) => {
      const drawn = withCarriageReturns(text);
      expect(drawn).not.toMatch(/(^|[^\r])\n/);
      expect(drawn.replaceAll('\r', '')).toBe(text.replaceAll('\r', ''));
    }),
  );
});
