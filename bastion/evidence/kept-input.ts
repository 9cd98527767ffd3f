import { isUtf8 } from 'node:buffer';
import { incompleteTailLength } from '../../recordings/utf8.ts';

/** Of the standard input of a command so many bytes are kept; of what is longer the beginning, with a note. */
export const KEPT_INPUT_BYTES = 64 * 1024;

/** Where input is kept: a recording. What it throws goes to who gave the input. */
export interface InputSink {
  input(chunk: Buffer): void;
  marker(label: string): void;
}

/** What became of the input. Without `because` all of it is kept. */
export interface KeptInputResult {
  readonly bytes: number;
  readonly complete: boolean;
  /** `size`: there was more than {@link KEPT_INPUT_BYTES}. `not_text`: it is not UTF-8, or has a NUL. */
  readonly because?: 'size' | 'not_text';
}

const NOTHING = Buffer.alloc(0);

const NOTES = {
  size: `input is not kept from here on: it has more than ${KEPT_INPUT_BYTES} bytes`,
  not_text: 'input is not kept from here on: it is not text',
} as const;

/** Keeps the standard input of a command while it is text and small; from where it is not, notes that it is left out. */
export class KeptInput {
  readonly #sink: InputSink;
  /** The beginning of a character: given to the sink already, not known yet to be text. */
  #unfinished: Buffer = NOTHING;
  #keptBytes = 0;
  #because: 'size' | 'not_text' | undefined;

  constructor(sink: InputSink) {
    this.#sink = sink;
  }

  /** Takes in what the host is about to get. */
  take(chunk: Buffer): void {
    if (this.#because !== undefined || chunk.length === 0) return;
    const bytes = this.#unfinished.length === 0 ? chunk : Buffer.concat([this.#unfinished, chunk]);
    const whole = bytes.subarray(0, bytes.length - incompleteTailLength(bytes));
    // NUL is valid UTF-8 and yet the mark of binary data.
    if (whole.includes(0) || !isUtf8(whole)) {
      // What comes before is run by the host like any other.
      this.#keep(chunk.subarray(0, Math.max(0, textLength(whole) - this.#unfinished.length)));
      if (this.#because === undefined) this.#leaveOut('not_text');
      return;
    }
    this.#unfinished = Buffer.from(bytes.subarray(whole.length));
    this.#keep(chunk);
  }

  #keep(text: Buffer): void {
    const kept = text.subarray(0, KEPT_INPUT_BYTES - this.#keptBytes);
    if (kept.length > 0) this.#sink.input(kept);
    this.#keptBytes += kept.length;
    if (kept.length < text.length) this.#leaveOut('size');
  }

  result(): KeptInputResult {
    const because = this.#because;
    const bytes = this.#keptBytes;
    return because === undefined ? { bytes, complete: true } : { bytes, complete: false, because };
  }

  #leaveOut(because: 'size' | 'not_text'): void {
    this.#because = because;
    this.#sink.marker(NOTES[because]);
  }
}

/** How many bytes at the beginning are text: up to the first NUL, or to the first that is no UTF-8. */
function textLength(bytes: Buffer): number {
  const nul = bytes.indexOf(0);
  const until = nul < 0 ? bytes : bytes.subarray(0, nul);
  if (isUtf8(until)) return until.length;
  let [low, high] = [0, until.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const part = until.subarray(0, middle);
    if (isUtf8(part.subarray(0, middle - incompleteTailLength(part)))) low = middle;
    else high = middle - 1;
  }
  return low - incompleteTailLength(until.subarray(0, low));
}
