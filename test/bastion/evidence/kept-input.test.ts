import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEPT_INPUT_BYTES, KeptInput } from '../../../bastion/evidence/kept-input.ts';

function keep(chunks: readonly Buffer[]) {
  const kept: Buffer[] = [];
  const notes: string[] = [];
  const input = new KeptInput({
    input: (chunk) => void kept.push(Buffer.from(chunk)),
    marker: (label) => void notes.push(label),
  });
  for (const chunk of chunks) input.take(chunk);
  return { kept: Buffer.concat(kept), notes, result: input.result() };
}

describe('the standard input of a command', () => {
  it('is kept whole when it is small and text, however it is cut', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 200 }).filter((text) => !text.includes('\0')),
        fc.array(fc.nat(20), { maxLength: 50 }),
        (text, cuts) => {
          const whole = Buffer.from(text);
          const chunks: Buffer[] = [];
          let at = 0;
          for (const length of cuts) {
            chunks.push(whole.subarray(at, at + length));
            at += length;
          }
          chunks.push(whole.subarray(at));
          const { kept, notes, result } = keep(chunks);
          expect(kept.equals(whole)).toBe(true);
          expect(notes).toEqual([]);
          expect(result).toEqual({ bytes: whole.length, complete: true });
        },
      ),
    );
  });

  it('is kept up to the limit, with one note that there was more', () => {
    const exact = keep([Buffer.alloc(KEPT_INPUT_BYTES, 'a')]);
    expect(exact.result).toEqual({ bytes: KEPT_INPUT_BYTES, complete: true });
    const over = keep([
      Buffer.alloc(40_000, 'a'),
      Buffer.alloc(40_000, 'b'),
      Buffer.from('and this'),
      Buffer.from('and that'),
    ]);
    expect(over.kept).toHaveLength(KEPT_INPUT_BYTES);
    expect(over.result).toEqual({ bytes: KEPT_INPUT_BYTES, complete: false, because: 'size' });
    expect(over.notes).toEqual([
      `input is not kept from here on: it has more than ${KEPT_INPUT_BYTES} bytes`,
    ]);
  });

  it.each([
    ['bytes that are no UTF-8', Buffer.from([0x68, 0xff, 0xfe]), 'h'],
    ['a NUL', Buffer.from('rm -r x\nexit\n\0b'), 'rm -r x\nexit\n'],
    ['a NUL behind a character of two bytes', Buffer.from('ü\0'), 'ü'],
    ['a character that is cut off before a NUL', Buffer.from([0x61, 0xc3, 0x00]), 'a'],
  ])('is not kept from %s on, with one note; what comes before it is', (_what, binary, before) => {
    const { kept, notes, result } = keep([Buffer.from('set -e\n'), binary, Buffer.from('text again\n')]);
    expect(kept.toString()).toBe(`set -e\n${before}`);
    expect(result).toEqual({ bytes: 7 + Buffer.byteLength(before), complete: false, because: 'not_text' });
    expect(notes).toEqual(['input is not kept from here on: it is not text']);
  });

  it('is not text when a character that has begun does not go on', () => {
    const { result } = keep([Buffer.from([0x61, 0xc3]), Buffer.from('b')]);
    expect(result).toMatchObject({ complete: false, because: 'not_text' });
  });
});
