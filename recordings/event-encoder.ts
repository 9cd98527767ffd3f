import { endianness } from 'node:os';

/** Where encoded bytes go. It must be done with `bytes` when it returns. */
export type EncodedSink = (bytes: Buffer) => void;

/** The encoder's buffer starts at this size and doubles when an event needs more. */
const BUFFER_MIN_BYTES = 4 * 1024;

/** The encoder's buffer grows no further; what does not fit goes to the sink in several writes. */
const BUFFER_MAX_BYTES = 128 * 1024;

/** A byte takes at most so many in a JSON string (`\u001b`). */
const ESCAPED_MAX_BYTES = 6;

/** Base64 is encoded in steps of so many bytes; a multiple of 3, so that no padding comes in between. */
const BASE64_STEP_BYTES = 48 * 1024;

/** Text is escaped in steps of so many bytes, each with room for its worst case. A multiple of {@link WORD_BYTES}. */
const ESCAPE_STEP_BYTES = 2 * 1024;

/** Bytes that are looked at together. */
const WORD_BYTES = 4;

/** Whether the first byte of a word is its lowest here, as almost everywhere; elsewhere each byte is looked at alone. */
const LOWEST_FIRST = endianness() === 'LE';

const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const DIGIT_ZERO = 0x30;
const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1');

/** Control characters, quote and backslash with the letter that stands behind the backslash in JSON (RFC 8259). */
const SHORT_ESCAPES: readonly (readonly [number, string])[] = [
  [0x08, 'b'],
  [0x09, 't'],
  [0x0a, 'n'],
  [0x0c, 'f'],
  [0x0d, 'r'],
  [0x22, '"'],
  [BACKSLASH, '\\'],
];

/** In {@link createEscapeTable}: the byte is written as `\u00xx`. */
const LONG_ESCAPE = 1;

/** For each byte: 0 when it stands for itself, {@link LONG_ESCAPE}, or the letter of its short escape. */
function createEscapeTable(): Uint8Array {
  const table = new Uint8Array(256).fill(LONG_ESCAPE, 0, 0x20);
  for (const [byte, letter] of SHORT_ESCAPES) table[byte] = letter.charCodeAt(0);
  return table;
}

const ESCAPES = createEscapeTable();

/**
 * Writes asciicast events, `[time, "code", "data"]` and a newline, into a buffer of its own that it hands on when
 * full or flushed.
 *
 * It escapes UTF-8 bytes as they are, without making a string of them: decoding, `JSON.stringify` and encoding again
 * take more than twice as long, and this is the cost of recording.
 */
export class EventEncoder {
  readonly #sink: EncodedSink;
  #buffer = Buffer.allocUnsafeSlow(BUFFER_MIN_BYTES);
  #used = 0;
  /** One step of text, as bytes and as words. */
  readonly #words = new Uint32Array(ESCAPE_STEP_BYTES / WORD_BYTES);
  readonly #bytes = new Uint8Array(this.#words.buffer);

  constructor(sink: EncodedSink) {
    this.#sink = sink;
  }

  /** An event whose data are `text`: valid UTF-8 bytes. */
  text(time: string, code: string, text: Uint8Array): void {
    this.#begin(time, code);
    this.#escaped(text);
    this.#end();
  }

  /** An event whose data are the Base64 of `bytes`. */
  base64(time: string, code: string, bytes: Buffer): void {
    this.#begin(time, code);
    for (let at = 0; at < bytes.length; at += BASE64_STEP_BYTES) {
      this.#ascii(bytes.toString('base64', at, Math.min(at + BASE64_STEP_BYTES, bytes.length)));
    }
    this.#end();
  }

  /** A line as it is. */
  line(text: string): void {
    this.flush();
    this.#sink(Buffer.from(`${text}\n`));
  }

  /** Hands on what is in the buffer. */
  flush(): void {
    if (this.#used === 0) return;
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    this.#sink(bytes);
  }

  /** Forgets what has not been handed on. */
  discard(): void {
    this.#used = 0;
  }

  #begin(time: string, code: string): void {
    this.#ascii(`[${time}, "${code}", "`);
  }

  #end(): void {
    this.#ascii('"]\n');
  }

  #ascii(text: string): void {
    this.#reserve(text.length);
    this.#used += this.#buffer.write(text, this.#used, 'latin1');
  }

  #escaped(text: Uint8Array): void {
    for (let start = 0; start < text.length; start += ESCAPE_STEP_BYTES) {
      const step = text.subarray(start, start + ESCAPE_STEP_BYTES);
      this.#reserve(step.length * ESCAPED_MAX_BYTES);
      this.#bytes.set(step);
      this.#used = this.#escapeStep(this.#used, step.length);
    }
  }

  /**
   * Puts `length` bytes of the step, escaped, into the buffer at `used`, where there is room, and gives back where they
   * end. Most words have nothing to escape in them, and looking at four bytes together halves the cost of recording text.
   */
  #escapeStep(used: number, length: number): number {
    const buffer = this.#buffer;
    const bytes = this.#bytes;
    const words = this.#words;
    const wordsEnd = LOWEST_FIRST ? Math.floor(length / WORD_BYTES) : 0;
    let next = used;
    for (let at = 0; at < wordsEnd; at++) {
      const word = words[at] ?? 0;
      if (hasEscape(word)) {
        next = escapeInto(buffer, next, bytes, at * WORD_BYTES, (at + 1) * WORD_BYTES);
        continue;
      }
      buffer[next] = word;
      buffer[next + 1] = word >> 8;
      buffer[next + 2] = word >> 16;
      buffer[next + 3] = word >>> 24;
      next += WORD_BYTES;
    }
    return escapeInto(buffer, next, bytes, wordsEnd * WORD_BYTES, length);
  }

  /** Makes room for `bytes` more, at most {@link BUFFER_MAX_BYTES}: by growing first, then by handing on. */
  #reserve(bytes: number): void {
    const wanted = this.#used + bytes;
    if (wanted <= this.#buffer.length) return;
    if (this.#buffer.length < BUFFER_MAX_BYTES) {
      let size = this.#buffer.length;
      while (size < wanted && size < BUFFER_MAX_BYTES) size *= 2;
      const grown = Buffer.allocUnsafeSlow(size);
      this.#buffer.copy(grown, 0, 0, this.#used);
      this.#buffer = grown;
    }
    if (this.#used + bytes > this.#buffer.length) this.flush();
  }
}

/**
 * Whether one of the four bytes of a word is a control character, a quote or a backslash. A byte below n is one whose top
 * bit is set by taking n away and was not set before; one that equals x is one below 1 in the difference to x.
 */
function hasEscape(word: number): boolean {
  const borrowed =
    (word - 0x20202020) | ((word ^ 0x22222222) - 0x01010101) | ((word ^ 0x5c5c5c5c) - 0x01010101);
  return (borrowed & ~word & 0x80808080) !== 0;
}

/**
 * Puts `bytes` from `start` to `end`, escaped, into `buffer` at `used`, and gives back where it ends. There must be
 * room. A plain loop, without checks of the room, is faster here than copying runs or `JSON.stringify`.
 */
function escapeInto(buffer: Uint8Array, used: number, bytes: Uint8Array, start: number, end: number): number {
  let next = used;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const letter = ESCAPES[byte] ?? 0;
    if (letter === 0) {
      buffer[next++] = byte;
      continue;
    }
    buffer[next++] = BACKSLASH;
    if (letter !== LONG_ESCAPE) {
      buffer[next++] = letter;
      continue;
    }
    buffer[next++] = LETTER_U;
    buffer[next++] = DIGIT_ZERO;
    buffer[next++] = DIGIT_ZERO;
    buffer[next++] = DIGIT_ZERO + (byte >> 4);
    buffer[next++] = HEX_DIGITS[byte & 0x0f] ?? DIGIT_ZERO;
  }
  return next;
}
