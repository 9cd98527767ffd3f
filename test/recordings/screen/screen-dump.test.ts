import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Screen } from '../../../recordings/screen/screen.ts';

const SIZE = { cols: 20, rows: 6 };

async function screenAfter(...outputs: string[]): Promise<Screen> {
  const screen = new Screen(SIZE);
  for (const output of outputs) screen.write(output);
  await screen.settled();
  return screen;
}

/** What `before` shows, taken over by another terminal, and gone on with, against one terminal all the way. */
async function bothWays(before: string, after: string): Promise<[string, string]> {
  const first = await screenAfter(before);
  const whole = await screenAfter(before, after);
  const resumed = await screenAfter(first.dump(), after);
  const both: [string, string] = [resumed.dump(), whole.dump()];
  for (const screen of [first, whole, resumed]) screen.close();
  return both;
}

describe('the dump of a screen', () => {
  it.each([
    ['text and colours', 'plain \u001b[1;31mred\u001b[0m \u001b[48;5;42mback\u001b[38;2;1;2;3mrgb', 'more'],
    ['a full-screen program', 'shell$ vim\r\n\u001b[?1049h\u001b[2J\u001b[3;4Hinside', '\u001b[?1049lback'],
    ['margins', '\u001b[2;4r\u001b[4;1Hlast', '\nscrolled\nagain'],
    ['origin mode', '\u001b[2;5r\u001b[?6h\u001b[2;3Hx', '\u001b[1;1Htop'],
    ['a cursor that waits at the edge', 'x'.repeat(20), 'y'],
    ['a wide character at the edge', `${'x'.repeat(18)}漢`, 'y'],
    ['a saved cursor', '\u001b[3;3H\u001b[32m\u001b7\u001b[1;1H\u001b[0m', '\u001b8green'],
    ['a hidden cursor and boxes', '\u001b[?25l\u001b(0lqqk', 'x\u001b(Bx'],
    ['shifted character sets', '\u001b)0\u000elqk', 'q\u000fq'],
    ['no wrapping', '\u001b[?7l', 'z'.repeat(30)],
    ['inserting', 'abcdef\u001b[1;2H\u001b[4h', 'XY'],
    ['a coloured row', '\u001b[44m\u001b[2K text', '\r\n'],
    ['scrolled output', 'a\r\nb\r\nc\r\nd\r\ne\r\nf\r\ng\r\nh', '\u001b[1;1Htop'],
  ])('carries over %s', async (_name, before, after) => {
    const [resumed, whole] = await bothWays(before, after);
    expect(resumed).toBe(whole);
  });

  it('shows the same after it as without it, whatever a program draws', async () => {
    const piece = fc.oneof(
      fc.string({ minLength: 1, maxLength: 30 }).map((text) => text.replaceAll(/\p{Cc}/gu, '')),
      fc.constantFrom(
        '\r\n',
        '\n',
        '\r',
        '\b',
        '\t',
        '漢字',
        'é',
        '\u001b7',
        '\u001b8',
        '\u001bM',
        '\u001bD',
      ),
      fc.constantFrom('\u001b[?1049h', '\u001b[?1049l', '\u001b[2J', '\u001b[K', '\u001b[?7l', '\u001b[?7h'),
      fc.constantFrom(
        '\u001b[2;4r',
        '\u001b[r',
        '\u001b[?6h',
        '\u001b[?6l',
        '\u001b[4h',
        '\u001b[4l',
        '\u001bc',
      ),
      fc.constantFrom('\u001b[?25l', '\u001b(0', '\u001b(B', '\u001b[L', '\u001b[M', '\u001b[P', '\u001b[3@'),
      fc.tuple(fc.nat(8), fc.nat(24)).map(([row, column]) => `\u001b[${row};${column}H`),
      fc.constantFrom(0, 1, 2, 3, 4, 7, 9, 22, 24, 27, 31, 44, 95, 102, 39, 49).map((n) => `\u001b[${n}m`),
      fc.tuple(fc.nat(255), fc.nat(255)).map(([a, b]) => `\u001b[38;5;${a};48;2;${b};7;9m`),
    );
    const pieces = fc.array(piece, { maxLength: 25 }).map((all) => all.join(''));
    await fc.assert(
      fc.asyncProperty(pieces, pieces, async (before, after) => {
        const [resumed, whole] = await bothWays(before, after);
        expect(resumed).toBe(whole);
      }),
      { numRuns: 200, seed: 7 },
    );
  });

  it('knows when output stops in the middle of a control sequence', async () => {
    for (const [text, atGround] of [
      ['text', true],
      ['\u001b', false],
      ['\u001b[3', false],
      ['\u001b[31m', true],
      ['\u001b]0;title', false],
      ['\u001b]0;title\u0007', true],
      ['\u001bP1$r\u001b\\', true],
      ['\u001b(', false],
      ['\u001b(0', true],
    ] as const) {
      const screen = await screenAfter(text);
      expect({ text, atGround: screen.atGround }).toEqual({ text, atGround });
      screen.close();
    }
  });
});
