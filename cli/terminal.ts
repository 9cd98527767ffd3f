import { DrawbridgeError, isDrawbridgeError, messageOf, systemCodeOf } from '../shared/errors.ts';

/** The part of a writable stream that output needs; `process.stdout` and a test's collector both have it. */
export interface TextOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Styles that output uses; each is the identity when colours are off. */
export interface Styles {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly accent: (text: string) => string;
}

/**
 * Where a verb writes. The rules: results go to standard output, everything about them (progress, errors, hints)
 * goes to standard error; colours only on a terminal and never with `NO_COLOR`; text from a peer passes
 * {@link printable} before it is shown.
 */
export interface Terminal {
  readonly out: TextOutput;
  readonly err: TextOutput;
  readonly styles: Styles;
  readonly columns: number;
  /** Writes a line to standard output. */
  line(text?: string): void;
  /** Writes a line to standard error. */
  note(text: string): void;
  /** Writes a value as indented JSON to standard output. */
  json(value: unknown): void;
}

const DEFAULT_COLUMNS = 80;

function style(on: boolean, open: number, close: number): (text: string) => string {
  return on ? (text) => `\u001b[${open}m${text}\u001b[${close}m` : (text) => text;
}

/** Builds the terminal of a process: standard output and error with its environment. */
export function createTerminal(out: TextOutput, err: TextOutput, env: NodeJS.ProcessEnv): Terminal {
  const noColor = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  const on = out.isTTY === true && !noColor;
  return {
    out,
    err,
    styles: {
      bold: style(on, 1, 22),
      dim: style(on, 2, 22),
      good: style(on, 32, 39),
      bad: style(on, 31, 39),
      accent: style(on, 36, 39),
    },
    columns: out.columns ?? DEFAULT_COLUMNS,
    line: (text = '') => out.write(`${text}\n`),
    note: (text) => err.write(`${text}\n`),
    // Escaped further than JSON asks for: some terminals obey the C1 controls, which it leaves as they are.
    json: (value) =>
      out.write(`${JSON.stringify(value, null, 2).split('\n').map(asciiControls).join('\n')}\n`),
  };
}

/** C0 and C1 controls, and the characters that reorder text: shown raw they could forge what a screen says. */
const UNPRINTABLE = new RegExp(
  `[${String.fromCodePoint(0)}-${String.fromCodePoint(0x1f)}${String.fromCodePoint(0x7f)}-${String.fromCodePoint(0x9f)}` +
    `${String.fromCodePoint(0x200e)}${String.fromCodePoint(0x200f)}${String.fromCodePoint(0x202a)}-${String.fromCodePoint(0x202e)}` +
    `${String.fromCodePoint(0x2066)}-${String.fromCodePoint(0x2069)}]`,
  'g',
);

/** `text` with everything that a terminal would obey replaced by a visible escape. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** A line of JSON with what a terminal would obey written as JSON's own escapes. */
function asciiControls(line: string): string {
  return line.replace(
    UNPRINTABLE,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
}

/** Writes an error as every verb does: what is wrong, its code to look up, then what to do about it. */
export function writeError(terminal: Terminal, error: unknown): void {
  const sentence = isDrawbridgeError(error) ? error.message : unexpectedSentence(error);
  const [first = '', ...rest] = sentence.split('\n');
  const code = isDrawbridgeError(error) ? ` [${printable(error.code)}]` : '';
  terminal.note(`drawbridge: error: ${printable(first)}${code}`);
  for (const line of rest) terminal.note(`  ${printable(line)}`);
  const hint = isDrawbridgeError(error) ? error.hint : undefined;
  if (hint !== undefined) terminal.note(`drawbridge: hint: ${printable(hint)}`);
}

function unexpectedSentence(error: unknown): string {
  const code = systemCodeOf(error);
  return code === undefined ? `unexpected: ${messageOf(error)}` : messageOf(error);
}

/** Exit code for an error: 2 when the command was used wrongly, else 1. */
export function exitCodeOf(error: unknown): 1 | 2 {
  return error instanceof DrawbridgeError && error.code.startsWith('usage.') ? 2 : 1;
}
