import xterm, { type Terminal } from '@xterm/headless';
import { EscapeState } from './escape-state.ts';
import { dumpScreen } from './screen-dump.ts';
import { TerminalState } from './terminal-state.ts';

/** Rows kept above the screen, so that a line longer than the screen is high is still one line. */
const SCROLLBACK_ROWS = 200;

/** A line of text is cut to so many UTF-16 code units. */
export const TEXT_LINE_LIMIT = 4096;

/** Sizes that a recording may ask for; a terminal beyond takes memory and no more. */
const SIDE_MAX = 500;

/** Numbers of the control strings by which shells mark prompts and output; the second is Visual Studio Code's. */
const SHELL_MARKS = [133, 633];

/** What a {@link Screen} tells while it is written to. */
export interface ScreenEvents {
  /** A line that the cursor has left: done, as far as lines of a terminal ever are. */
  onLine(text: string): void;
  /** What is on the screen is about to be erased or covered: the last chance to look at it. */
  onErase(): void;
  /** A shell has marked the end of its prompt, which is where the cursor is (OSC 133 B, 633 B). */
  onPromptEnd?(): void;
}

/** A terminal without a window: shows what the operator saw. */
export class Screen {
  readonly #terminal: Terminal;
  readonly #state: TerminalState;
  readonly #escapes = new EscapeState();

  constructor(size: { readonly cols: number; readonly rows: number }, events?: ScreenEvents) {
    this.#terminal = new xterm.Terminal({
      cols: bounded(size.cols),
      rows: bounded(size.rows),
      scrollback: SCROLLBACK_ROWS,
      allowProposedApi: true,
      logLevel: 'off',
    });
    this.#state = new TerminalState(this.#terminal, () => events?.onErase());
    if (events !== undefined) {
      this.#terminal.onLineFeed(() => {
        const { baseY, cursorY } = this.#terminal.buffer.active;
        const text = this.#textUpTo(baseY + cursorY - 1);
        if (text !== '') events.onLine(text);
      });
      for (const mark of SHELL_MARKS)
        this.#terminal.parser.registerOscHandler(mark, (data) => {
          if (data === 'B' || data.startsWith('B;')) events.onPromptEnd?.();
          return true;
        });
    }
  }

  get cols(): number {
    return this.#terminal.cols;
  }

  get rows(): number {
    return this.#terminal.rows;
  }

  /** Whether a program has taken the whole screen (the alternate buffer). */
  get isFullScreen(): boolean {
    return this.#terminal.buffer.active.type === 'alternate';
  }

  /** The two cells before the cursor; costs next to nothing. */
  get beforeCursor(): string {
    const { active } = this.#terminal.buffer;
    const { cursorX } = active;
    const line = active.getLine(active.baseY + active.cursorY);
    if (line === undefined || cursorX < 2) return '';
    return `${line.getCell(cursorX - 2)?.getChars() ?? ''}${line.getCell(cursorX - 1)?.getChars() ?? ''}`;
  }

  /** Whether the output so far ends between control sequences, so that {@link dump} can stand for it. */
  get atGround(): boolean {
    return this.#escapes.atGround;
  }

  /** Takes output in; `done` is called when it has been carried out, in the order of writing. */
  write(text: string, done?: () => void): void {
    this.#escapes.feed(text);
    this.#terminal.write(text, done);
  }

  /** Resolves when everything that was written has been carried out. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.#terminal.write('', resolve));
  }

  /** To be called when settled. */
  resize(cols: number, rows: number): void {
    this.#terminal.resize(bounded(cols), bounded(rows));
    this.#state.resized();
  }

  /** The lines that can be seen, as text; rows that continue one another are one line. Empty ones are left out. */
  lines(): string[] {
    const { active } = this.#terminal.buffer;
    const found: string[] = [];
    for (let row = active.baseY + this.#terminal.rows - 1; row >= active.baseY; row--) {
      const isContinued = active.getLine(row + 1)?.isWrapped === true && row + 1 < active.length;
      if (isContinued) continue;
      const text = this.#textUpTo(row);
      if (text !== '') found.push(text);
    }
    return found.reverse();
  }

  /** The line that the cursor is in: what stands before it, and behind it in the same row without spaces at the end. */
  cursorLine(): { readonly before: string; readonly behind: string } {
    const { active } = this.#terminal.buffer;
    const row = active.baseY + active.cursorY;
    const line = active.getLine(row);
    if (line === undefined) return { before: '', behind: '' };
    const before = this.#withRowsBefore(row, line.translateToString(false, 0, active.cursorX));
    return { before, behind: line.translateToString(true, active.cursorX).trim() };
  }

  /** What to write to another terminal of this size, so that it shows the same and goes on like this one. */
  dump(): string {
    return dumpScreen(this.#terminal, this.#state, this.#escapes.shiftedOut);
  }

  close(): void {
    this.#terminal.dispose();
  }

  /** The line that ends in this row of the buffer, with the rows that it began in. */
  #textUpTo(row: number): string {
    const { active } = this.#terminal.buffer;
    const last = active.getLine(row);
    if (last === undefined) return '';
    const text = this.#withRowsBefore(row, last.translateToString(!isWrappedBy(active.getLine(row + 1))));
    return text.trimEnd().slice(0, TEXT_LINE_LIMIT);
  }

  /** `text`, which is of this row, behind the rows that it continues. */
  #withRowsBefore(row: number, text: string): string {
    const { active } = this.#terminal.buffer;
    let whole = text;
    for (let at = row; active.getLine(at)?.isWrapped === true && at > 0 && whole.length < TEXT_LINE_LIMIT; ) {
      at -= 1;
      whole = (active.getLine(at)?.translateToString(false) ?? '') + whole;
    }
    return whole;
  }
}

function isWrappedBy(next: { readonly isWrapped: boolean } | undefined): boolean {
  return next?.isWrapped === true;
}

function bounded(cells: number): number {
  return Math.min(Math.max(Math.trunc(cells) || 1, 1), SIDE_MAX);
}
