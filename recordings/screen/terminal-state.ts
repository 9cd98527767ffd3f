import type { IFunctionIdentifier, Terminal } from '@xterm/headless';
import { GraphicRendition } from './graphic-rendition.ts';

/** Rows between which a terminal scrolls, from 1; absent when it is the whole screen. */
export interface Margins {
  readonly top: number;
  readonly bottom: number;
}

/** A cursor that a program has put aside (DECSC). Row and column from 1. */
export interface SavedCursor {
  readonly row: number;
  readonly column: number;
  readonly rendition: GraphicRendition;
  /** Designation of the first character set, which is put aside with the cursor. */
  readonly charset: string;
}

type Side = 'normal' | 'alternate';

/**
 * What of a terminal's state its own interface does not tell: taken from the control sequences as they are carried
 * out.
 */
export class TerminalState {
  rendition = new GraphicRendition();
  cursorHidden = false;
  /** Designation of the first two character sets: `B` is ASCII, `0` has lines for boxes. */
  readonly charsets: [string, string] = ['B', 'B'];
  readonly margins: Record<Side, Margins | undefined> = { normal: undefined, alternate: undefined };
  readonly saved: Record<Side, SavedCursor | undefined> = { normal: undefined, alternate: undefined };
  readonly #terminal: Terminal;

  /** @param beforeErase Called while what is about to be erased or covered is still on the screen. */
  constructor(terminal: Terminal, beforeErase: () => void) {
    this.#terminal = terminal;
    const { parser } = terminal;
    const onCsi = (id: IFunctionIdentifier, see: (params: (number | number[])[]) => void): void => {
      parser.registerCsiHandler(id, (params) => {
        see(params);
        return false;
      });
    };
    const onEsc = (id: IFunctionIdentifier, see: () => void): void => {
      parser.registerEscHandler(id, () => {
        see();
        return false;
      });
    };
    onCsi({ final: 'm' }, (params) => this.rendition.apply(params));
    onCsi({ final: 'r' }, ([top, bottom]) => this.#setMargins(top, bottom));
    onCsi({ final: 's' }, () => this.#save());
    onCsi({ final: 'u' }, () => this.#restore());
    onEsc({ final: '7' }, () => this.#save());
    onEsc({ final: '8' }, () => this.#restore());
    onCsi({ prefix: '?', final: 'h' }, (params) => this.#privateMode(params, true, beforeErase));
    onCsi({ prefix: '?', final: 'l' }, (params) => this.#privateMode(params, false, beforeErase));
    onCsi({ final: 'J' }, beforeErase);
    onCsi({ prefix: '?', final: 'J' }, beforeErase);
    onCsi({ intermediates: '!', final: 'p' }, () => this.#softReset());
    onEsc({ final: 'c' }, () => {
      beforeErase();
      this.#softReset();
      this.margins.alternate = undefined;
      this.saved.alternate = undefined;
    });
    for (const final of ['0', 'A', 'B']) {
      onEsc({ intermediates: '(', final }, () => {
        this.charsets[0] = final;
      });
      onEsc({ intermediates: ')', final }, () => {
        this.charsets[1] = final;
      });
    }
  }

  /** A terminal of another size scrolls over the whole of it. */
  resized(): void {
    this.margins.normal = undefined;
    this.margins.alternate = undefined;
  }

  get side(): Side {
    return this.#terminal.buffer.active.type;
  }

  #setMargins(top: number | number[] | undefined, bottom: number | number[] | undefined): void {
    const { rows } = this.#terminal;
    const first = typeof top === 'number' && top > 0 ? top : 1;
    const last = typeof bottom === 'number' && bottom > 0 && bottom <= rows ? bottom : rows;
    if (last <= first) return;
    this.margins[this.side] = first === 1 && last === rows ? undefined : { top: first, bottom: last };
  }

  #save(): void {
    const { cursorX, cursorY } = this.#terminal.buffer.active;
    this.saved[this.side] = {
      row: cursorY + 1,
      column: cursorX + 1,
      rendition: this.rendition.copy(),
      charset: this.charsets[0],
    };
  }

  #restore(side: Side = this.side): void {
    const saved = this.saved[side];
    this.rendition = saved?.rendition.copy() ?? new GraphicRendition();
    this.charsets[0] = saved?.charset ?? 'B';
  }

  #privateMode(params: readonly (number | number[])[], on: boolean, beforeErase: () => void): void {
    for (const mode of params) {
      if (mode === 25) this.cursorHidden = !on;
      if (mode === 47 || mode === 1047 || mode === 1049) beforeErase();
      if ((mode === 1048 || mode === 1049) && on) this.#save();
      if (mode === 1048 && !on) this.#restore();
      if (mode === 1049 && !on) this.#restore('normal');
    }
  }

  #softReset(): void {
    this.rendition.clear();
    this.cursorHidden = false;
    this.charsets[0] = 'B';
    this.charsets[1] = 'B';
    this.margins[this.side] = undefined;
    this.saved[this.side] = undefined;
  }
}
