import type { IBufferCell } from '@xterm/headless';

/** Parameters of a control sequence as the terminal hands them on: sub-parameters stand in a list behind their own. */
export type SequenceParams = readonly (number | readonly number[])[];

/** Which attribute a parameter of SGR (ECMA-48 8.3.117) sets, and which it resets. */
const SETS: Readonly<Record<number, string>> = {
  1: 'bold',
  2: 'dim',
  3: 'italic',
  4: 'underline',
  5: 'blink',
  6: 'blink',
  7: 'inverse',
  8: 'hidden',
  9: 'strike',
  21: 'underline',
  53: 'overline',
};
const RESETS: Readonly<Record<number, readonly string[]>> = {
  22: ['bold', 'dim'],
  23: ['italic'],
  24: ['underline'],
  25: ['blink'],
  27: ['inverse'],
  28: ['hidden'],
  29: ['strike'],
  39: ['foreground'],
  49: ['background'],
  55: ['overline'],
  59: ['underlineColour'],
};
const EXTENDED: Readonly<Record<number, string>> = {
  38: 'foreground',
  48: 'background',
  58: 'underlineColour',
};

/** How further characters will look: what the SGR sequences so far have come to. */
export class GraphicRendition {
  readonly #parts = new Map<string, string>();

  clear(): void {
    this.#parts.clear();
  }

  copy(): GraphicRendition {
    const copy = new GraphicRendition();
    for (const [name, value] of this.#parts) copy.#parts.set(name, value);
    return copy;
  }

  apply(params: SequenceParams): void {
    for (let at = 0; at < params.length; at++) {
      const code = params[at];
      if (typeof code !== 'number') continue;
      const next = params[at + 1];
      const extended = EXTENDED[code];
      if (extended === undefined) this.#simple(code, typeof next === 'object' ? next[0] : undefined);
      else at += this.#colour(extended, code, params.slice(at + 1));
    }
  }

  /** The sequence that brings it about, from whatever was before. */
  get sequence(): string {
    return `\u001b[${['0', ...this.#parts.values()].join(';')}m`;
  }

  /** Takes in a colour of its own; gives the number of parameters that say which. */
  #colour(name: string, code: number, rest: SequenceParams): number {
    const [form] = rest;
    const length = typeof form === 'object' ? 1 : form === 5 ? 2 : form === 2 ? 4 : 0;
    const colour = colourOf(code, rest.slice(0, length).flat());
    if (colour !== undefined) this.#parts.set(name, colour);
    return length;
  }

  #simple(code: number, detail: number | undefined): void {
    const set = SETS[code];
    if (code === 0) this.clear();
    else if (code === 4 && detail === 0) this.#parts.delete('underline');
    else if (set !== undefined) this.#parts.set(set, String(code));
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97))
      this.#parts.set('foreground', String(code));
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107))
      this.#parts.set('background', String(code));
    else for (const name of RESETS[code] ?? []) this.#parts.delete(name);
  }
}

/** `38:5:n`, `38;5;n`, `38:2::r:g:b`, `38;2;r;g;b`, all as the form that every terminal knows. */
function colourOf(code: number, values: readonly number[]): string | undefined {
  const [form, ...rest] = values;
  if (form === 5 && rest[0] !== undefined && rest[0] >= 0) return `${code};5;${rest[0]}`;
  const rgb = rest.slice(-3).map((value) => Math.min(Math.max(value, 0), 255));
  return form === 2 && rgb.length === 3 ? `${code};2;${rgb.join(';')}` : undefined;
}

/** The SGR parameters of a cell of the screen; `''` when it looks like nothing was ever set. */
export function renditionOfCell(cell: IBufferCell): string {
  const parts: string[] = [];
  if (cell.isBold() !== 0) parts.push('1');
  if (cell.isDim() !== 0) parts.push('2');
  if (cell.isItalic() !== 0) parts.push('3');
  if (cell.isUnderline() !== 0) parts.push('4');
  if (cell.isBlink() !== 0) parts.push('5');
  if (cell.isInverse() !== 0) parts.push('7');
  if (cell.isInvisible() !== 0) parts.push('8');
  if (cell.isStrikethrough() !== 0) parts.push('9');
  if (cell.isOverline() !== 0) parts.push('53');
  if (cell.isFgRGB()) parts.push(`38;2;${rgbOf(cell.getFgColor())}`);
  else if (cell.isFgPalette()) parts.push(`38;5;${cell.getFgColor()}`);
  if (cell.isBgRGB()) parts.push(`48;2;${rgbOf(cell.getBgColor())}`);
  else if (cell.isBgPalette()) parts.push(`48;5;${cell.getBgColor()}`);
  return parts.join(';');
}

function rgbOf(colour: number): string {
  return `${(colour >> 16) & 0xff};${(colour >> 8) & 0xff};${colour & 0xff}`;
}
