import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTerminal, exitCodeOf, printable, type TextOutput, writeError } from '../../cli/terminal.ts';
import { DrawbridgeError } from '../../shared/errors.ts';

function collector(isTTY: boolean): TextOutput & { text: string } {
  return {
    text: '',
    isTTY,
    write(text) {
      this.text += text;
    },
  };
}

describe('printable', () => {
  it('shows escape sequences instead of obeying them', () => {
    expect(printable('web\u001b[2J-1\r\n')).toBe('web\\x1b[2J-1\\x0d\\x0a');
  });

  it('shows characters that would reorder the line', () => {
    expect(printable('a\u202eb')).toBe('a\\u202eb');
  });

  it('leaves letters of all scripts alone', () => {
    expect(printable('Zürich 東京 ✓')).toBe('Zürich 東京 ✓');
  });

  it('never lets a control character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });
});

describe('a terminal', () => {
  it('uses colours on a terminal only, and never with NO_COLOR', () => {
    const err = collector(false);
    expect(createTerminal(collector(true), err, {}).styles.good('on')).toBe('\u001b[32mon\u001b[39m');
    expect(createTerminal(collector(false), err, {}).styles.good('on')).toBe('on');
    expect(createTerminal(collector(true), err, { NO_COLOR: '1' }).styles.good('on')).toBe('on');
    expect(createTerminal(collector(true), err, { TERM: 'dumb' }).styles.good('on')).toBe('on');
  });

  it('writes JSON that no terminal obeys, and that is read back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const out = collector(true);
        createTerminal(out, collector(false), {}).json({ [text]: [text] });
        expect(out.text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
        expect(JSON.parse(out.text)).toEqual({ [text]: [text] });
      }),
    );
  });

  it('writes an error as sentence and hint to standard error', () => {
    const err = collector(false);
    const terminal = createTerminal(collector(false), err, {});
    writeError(terminal, new DrawbridgeError('config.invalid', 'It is wrong:\na: b', { hint: 'Mend it.' }));
    expect(err.text).toBe(
      'drawbridge: error: It is wrong: [config.invalid]\n  a: b\ndrawbridge: hint: Mend it.\n',
    );
  });

  it('tells wrong use from failure by the exit code', () => {
    expect(exitCodeOf(new DrawbridgeError('usage.duration', 'x'))).toBe(2);
    expect(exitCodeOf(new DrawbridgeError('config.invalid', 'x'))).toBe(1);
    expect(exitCodeOf(new Error('x'))).toBe(1);
  });
});
