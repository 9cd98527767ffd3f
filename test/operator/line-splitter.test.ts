import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINE_LIMIT_BYTES, LineSplitter } from '../../operator/line-splitter.ts';

function linesOf(pieces: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const piece of pieces) splitter.write(piece);
  splitter.end();
  return lines;
}

describe('a line splitter', () => {
  it('gives the same lines however the bytes are cut, characters of several bytes included', () => {
    const texts = fc.array(
      fc.string({ unit: 'grapheme', maxLength: 10 }).filter((text) => !/[\r\n]/.test(text)),
    );
    fc.assert(
      fc.property(texts, fc.integer({ min: 1, max: 7 }), (lines, size) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const pieces: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
        expect(linesOf(pieces)).toEqual(lines);
      }),
    );
  });

  it('gives a last line without an end, and takes the carriage return off', () => {
    expect(linesOf([Buffer.from('one\r\ntwo')])).toEqual(['one', 'two']);
    expect(linesOf([Buffer.from('\n\n')])).toEqual(['', '']);
    expect(linesOf([])).toEqual([]);
  });

  it('holds no more than its limit, and loses nothing', () => {
    const long = Buffer.alloc(LINE_LIMIT_BYTES * 2 + 5, 'x');
    const lines = linesOf([long.subarray(0, 10), long.subarray(10), Buffer.from('\n')]);
    expect(lines.map((line) => line.length)).toEqual([LINE_LIMIT_BYTES, LINE_LIMIT_BYTES, 5]);
  });

  it('keeps what it holds when the buffer that it came in is used again', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    const piece = Buffer.from('kept');
    splitter.write(piece);
    piece.fill('!');
    splitter.write(Buffer.from('\n'));
    expect(lines).toEqual(['kept']);
  });
});
