/** One answer of the receiver. */
export type ScpAnswer = 'ok' | 'refused';

/** Longest error text behind an answer. */
const TEXT_LIMIT_BYTES = 64 * 1024;

const NEWLINE = 0x0a;
const OK = 0;
const FATAL = 2;

/** Reads the receiver's half of scp's old protocol: zero bytes, and errors, which are 1 or 2 and a line of text. */
export class ScpAnswers {
  /** Bytes of an error's text so far; undefined between two answers. */
  #textBytes: number | undefined;
  #malformed = false;

  /** The answers that `chunk` completes. Behind something malformed there are no others. */
  read(chunk: Buffer): (ScpAnswer | 'malformed')[] {
    const answers: (ScpAnswer | 'malformed')[] = [];
    for (let at = 0; at < chunk.length && !this.#malformed; ) {
      if (this.#textBytes === undefined) {
        const first = chunk[at] ?? OK;
        at += 1;
        if (first === OK) answers.push('ok');
        else if (first <= FATAL) this.#textBytes = 0;
        else this.#malformed = true;
      } else {
        at = this.#text(chunk, at);
        if (this.#textBytes === undefined) answers.push('refused');
      }
    }
    return this.#malformed ? [...answers, 'malformed'] : answers;
  }

  /** Skips the text of an error, and gives back where it stopped. */
  #text(chunk: Buffer, at: number): number {
    const newline = chunk.indexOf(NEWLINE, at);
    if (newline !== -1) {
      this.#textBytes = undefined;
      return newline + 1;
    }
    this.#textBytes = (this.#textBytes ?? 0) + chunk.length - at;
    this.#malformed = this.#textBytes > TEXT_LIMIT_BYTES;
    return chunk.length;
  }
}
