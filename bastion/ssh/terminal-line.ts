import { StringDecoder } from 'node:string_decoder';

/** Longest line that is taken; what is typed beyond it is dropped. */
const LINE_LIMIT_CHARACTERS = 500;

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACE = '\b';
const DELETE = '\u007f';

/** What came of what was typed: text to show, and how the line ended, if it did. */
export interface TypedLine {
  readonly echo: string;
  readonly ended?: 'enter' | 'cancel';
}

/** One line as a person types it into a terminal that echoes nothing by itself. */
export class TerminalLine {
  readonly #decoder = new StringDecoder('utf8');
  #characters: string[] = [];
  #escape: 'none' | 'begun' | 'sequence' = 'none';

  get text(): string {
    return this.#characters.join('').trim();
  }

  /** Takes what was typed. What comes behind the end of the line is dropped. */
  type(chunk: Buffer): TypedLine {
    let echo = '';
    for (const character of this.#decoder.write(chunk)) {
      if (this.#isEscaped(character)) continue;
      if (character === '\r' || character === '\n') return { echo: `${echo}\r\n`, ended: 'enter' };
      if (character === CTRL_C || (character === CTRL_D && this.#characters.length === 0))
        return { echo: `${echo}\r\n`, ended: 'cancel' };
      if (character === BACKSPACE || character === DELETE) {
        if (this.#characters.pop() !== undefined) echo += '\b \b';
      } else if (!/\p{Cc}/u.test(character) && this.#characters.length < LINE_LIMIT_CHARACTERS) {
        this.#characters.push(character);
        echo += character;
      }
    }
    return { echo };
  }

  /** Arrow keys and the like are no text. */
  #isEscaped(character: string): boolean {
    if (this.#escape === 'begun') {
      this.#escape = character === '[' || character === 'O' ? 'sequence' : 'none';
      return true;
    }
    if (this.#escape === 'sequence') {
      if (/[@-~]/.test(character)) this.#escape = 'none';
      return true;
    }
    if (character !== '\u001b') return false;
    this.#escape = 'begun';
    return true;
  }
}
