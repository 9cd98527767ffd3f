import type { IBuffer, IBufferCell, Terminal } from '@xterm/headless';
import { renditionOfCell } from './graphic-rendition.ts';
import type { TerminalState } from './terminal-state.ts';

const ESC = '\u001b';
const CSI = `${ESC}[`;

/**
 * What to write to a new terminal of the same size so that it shows what `terminal` shows and goes on like it: both
 * screens, attributes, margins, cursor and saved cursor, modes and character sets. Not carried over: tab stops, what
 * has scrolled off, and titles.
 */
export function dumpScreen(terminal: Terminal, state: TerminalState, shiftedOut: boolean): string {
  const { buffer, rows, cols } = terminal;
  const parts: string[] = [`${ESC}c`, rowsOf(buffer.normal, rows, cols)];
  if (buffer.active.type === 'alternate') {
    parts.push(restingPlace(terminal, state, 'normal'));
    const { cursorX, cursorY } = buffer.normal;
    parts.push(`${cursorAt(cursorY, Math.min(cursorX, cols - 1))}${CSI}0m${CSI}?1047h`);
    parts.push(rowsOf(buffer.alternate, rows, cols));
  }
  parts.push(restingPlace(terminal, state, state.side));
  parts.push(cursorAndModes(terminal, state));
  parts.push(`${ESC}(${state.charsets[0]}${ESC})${state.charsets[1]}${shiftedOut ? '\u000e' : ''}`);
  return parts.join('');
}

function restingPlace(terminal: Terminal, state: TerminalState, side: 'normal' | 'alternate'): string {
  const margins = state.margins[side];
  const saved = state.saved[side];
  const setMargins = margins === undefined ? '' : `${CSI}${margins.top};${margins.bottom}r`;
  if (saved === undefined) return setMargins;
  const row = Math.min(saved.row, terminal.rows);
  const column = Math.min(saved.column, terminal.cols);
  return `${setMargins}${CSI}${row};${column}H${saved.rendition.sequence}${ESC}(${saved.charset}${ESC}7${ESC}(B`;
}

function cursorAndModes(terminal: Terminal, state: TerminalState): string {
  const { modes, cols } = terminal;
  const active = terminal.buffer.active;
  const { cursorX, cursorY } = active;
  const margins = state.margins[state.side];
  const parts: string[] = [];
  let row = cursorY;
  if (modes.originMode) {
    // From here on rows count from the upper margin; setting the mode moves the cursor there.
    parts.push(`${CSI}?6h`);
    row = Math.max(0, row - ((margins?.top ?? 1) - 1));
  }
  if (cursorX >= cols) {
    // The cursor waits behind the last column for the next character to wrap: only printing gets it there.
    const last = lastCellOf(active, cursorY + active.baseY, cols);
    parts.push(`${CSI}${row + 1};${cols - last.width + 1}H${last.text}`);
  } else parts.push(cursorAt(row, cursorX));
  parts.push(state.rendition.sequence);
  if (!modes.wraparoundMode) parts.push(`${CSI}?7l`);
  if (modes.insertMode) parts.push(`${CSI}4h`);
  if (modes.applicationCursorKeysMode) parts.push(`${CSI}?1h`);
  if (modes.bracketedPasteMode) parts.push(`${CSI}?2004h`);
  if (state.cursorHidden) parts.push(`${CSI}?25l`);
  return parts.join('');
}

function lastCellOf(buffer: IBuffer, row: number, cols: number): { text: string; width: number } {
  const line = buffer.getLine(row);
  const last = line?.getCell(cols - 1);
  const cell = last?.getWidth() === 0 ? line?.getCell(cols - 2) : last;
  const width = cell?.getWidth() === 2 ? 2 : 1;
  const chars = cell?.getChars() ?? '';
  return {
    text: `${CSI}0${cell === undefined ? '' : prefixed(renditionOfCell(cell))}m${chars === '' ? ' ' : chars}`,
    width,
  };
}

function rowsOf(buffer: IBuffer, rows: number, cols: number): string {
  const parts: string[] = [];
  const cell = buffer.getNullCell();
  let wraps = false;
  for (let row = 0; row < rows; row++) {
    const wrapsNext = buffer.getLine(buffer.baseY + row + 1)?.isWrapped === true && row + 1 < rows;
    const content = rowOf(buffer, buffer.baseY + row, cols, cell, wrapsNext);
    if (content !== '') parts.push(wraps ? content : `${cursorAt(row, 0)}${content}`);
    wraps = wrapsNext;
  }
  return parts.join('');
}

/** One row; `whole` when it has to be filled to its end, so that the next one continues it. */
function rowOf(buffer: IBuffer, row: number, cols: number, reused: IBufferCell, whole: boolean): string {
  const line = buffer.getLine(row);
  if (line === undefined) return whole ? ' '.repeat(cols) : '';
  const text = new RowText();
  for (let column = 0; column < cols; column++) {
    const cell = line.getCell(column, reused);
    if (cell !== undefined && cell.getWidth() !== 0) text.add(cell.getChars(), renditionOfCell(cell));
  }
  return text.end(whole);
}

/** Puts the cells of a row together; blanks at its end are left out. */
class RowText {
  readonly #parts: string[] = [];
  #rendition = '';
  #blanks = 0;

  add(chars: string, rendition: string): void {
    if ((chars === '' || chars === ' ') && rendition === '') {
      this.#blanks += 1;
      return;
    }
    this.#writeBlanks();
    if (rendition !== this.#rendition) this.#parts.push(`${CSI}0${prefixed(rendition)}m`);
    this.#rendition = rendition;
    this.#parts.push(chars === '' ? ' ' : chars);
  }

  end(whole: boolean): string {
    if (whole) this.#writeBlanks();
    this.#plain();
    return this.#parts.join('');
  }

  #writeBlanks(): void {
    if (this.#blanks === 0) return;
    this.#plain();
    this.#parts.push(' '.repeat(this.#blanks));
    this.#blanks = 0;
  }

  #plain(): void {
    if (this.#rendition !== '') this.#parts.push(`${CSI}0m`);
    this.#rendition = '';
  }
}

function prefixed(parameters: string): string {
  return parameters === '' ? '' : `;${parameters}`;
}

function cursorAt(row: number, column: number): string {
  return `${CSI}${row + 1};${column + 1}H`;
}
