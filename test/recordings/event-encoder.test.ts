import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventEncoder } from '../../recordings/event-encoder.ts';

function lineOf(encode: (encoder: EventEncoder) => void): string {
  const pieces: Buffer[] = [];
  const encoder = new EventEncoder((bytes) => pieces.push(Buffer.from(bytes)));
  encode(encoder);
  encoder.flush();
  return Buffer.concat(pieces).toString('utf8');
}

describe('EventEncoder', () => {
  it('writes any text as JSON.stringify does, wherever in a word its control characters stand', () => {
    const character = fc.oneof(
      fc.constantFrom(
        '\0',
        '\u001f',
        ' ',
        '!',
        '"',
        '#',
        '[',
        '\\\\',
        ']',
        '\u007f',
        '\u0080',
        '\n',
        '\u001b',
      ),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
      fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 9 }),
    );
    const text = fc.array(character, { maxLength: 60 }).map((characters) => characters.join(''));
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 2100 }), (tail, lead) => {
        const shown = `${'x'.repeat(lead)}${tail}`;
        const line = lineOf((encoder) => encoder.text('1.5', 'o', Buffer.from(shown)));
        expect(line).toBe(`[1.5, "o", ${JSON.stringify(shown)}]\n`);
      }),
    );
  });

  it('hands on an event that is larger than its buffer in pieces that make one line', () => {
    const shown = '"\u001b\\\\'.repeat(100_000);
    const line = lineOf((encoder) => encoder.text('0.000001', 'o', Buffer.from(shown)));
    expect(line).toBe(`[0.000001, "o", ${JSON.stringify(shown)}]\n`);
  });

  it('writes raw bytes as Base64 without padding in between', () => {
    const bytes = Buffer.from(Array.from({ length: 100_001 }, (_, n) => n % 256));
    const line = lineOf((encoder) => encoder.base64('2', 'b', bytes));
    expect(line).toBe(`[2, "b", "${bytes.toString('base64')}"]\n`);
  });
});
