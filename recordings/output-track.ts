import { isUtf8 } from 'node:buffer';
import type { EventEncoder } from './event-encoder.ts';
import { EVENT_CODE, EVENT_LIMIT_BYTES } from './format.ts';
import { characterLength, continuationLength, incompleteTailLength } from './utf8.ts';

const NOTHING = Buffer.alloc(0);
const REPLACEMENT = Buffer.from('\ufffd');

/** What bytes that are not text look like in the recording: replacement characters, or one line that counts them. */
type BinaryDisplay = 'replacement' | 'count';

/**
 * Encodes the output of a terminal. Its chunks end at whole characters (the recorder sees to that), unless the
 * program itself writes something else.
 */
export function encodeTerminalOutput(encoder: EventEncoder, time: string, chunk: Buffer): void {
  for (let at = 0; at < chunk.length; ) {
    let piece = chunk.subarray(at, at + EVENT_LIMIT_BYTES);
    if (at + piece.length < chunk.length)
      piece = piece.subarray(0, piece.length - incompleteTailLength(piece));
    encodePiece(encoder, time, EVENT_CODE.output, EVENT_CODE.outputBytes, piece, 'replacement');
    at += piece.length;
  }
}

/**
 * Encodes a byte stream that has no terminal, chunk by chunk, holding nothing back: programs at both ends may wait
 * for each other's every byte. A character that is split over chunks is shown where it is completed, by the rule that
 * the text of an `o` event need not be that of its `b` event.
 */
export class StreamTrack {
  readonly #textCode: string;
  readonly #bytesCode: string;
  readonly #display: BinaryDisplay;
  /** The beginning of a character: recorded as bytes already, not shown yet. */
  #unfinished: Buffer = NOTHING;

  constructor(textCode: string, bytesCode: string, display: BinaryDisplay) {
    this.#textCode = textCode;
    this.#bytesCode = bytesCode;
    this.#display = display;
  }

  encode(encoder: EventEncoder, time: string, chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += EVENT_LIMIT_BYTES) {
      const rest = this.#completeCharacter(encoder, time, chunk.subarray(at, at + EVENT_LIMIT_BYTES));
      if (rest.length > 0) this.#encodeRest(encoder, time, rest);
    }
  }

  #completeCharacter(encoder: EventEncoder, time: string, piece: Buffer): Buffer {
    const begun = this.#unfinished;
    if (begun.length === 0) return piece;
    this.#unfinished = NOTHING;
    const wanted = characterLength(begun[0] ?? 0) - begun.length;
    const length = continuationLength(piece, wanted);
    if (length === 0) return piece;
    const fragment = piece.subarray(0, length);
    const character = Buffer.concat([begun, fragment]);
    if (length < wanted && length === piece.length) {
      this.#unfinished = character;
      this.#encodeShown(encoder, time, fragment, NOTHING);
    } else {
      this.#encodeShown(encoder, time, fragment, isUtf8(character) ? character : REPLACEMENT);
    }
    return piece.subarray(length);
  }

  #encodeRest(encoder: EventEncoder, time: string, piece: Buffer): void {
    const tailLength = incompleteTailLength(piece);
    const body = tailLength === 0 ? piece : piece.subarray(0, piece.length - tailLength);
    if (!this.#isText(body)) {
      encodePiece(encoder, time, this.#textCode, this.#bytesCode, piece, this.#display);
      return;
    }
    if (body.length > 0) encoder.text(time, this.#textCode, body);
    if (tailLength === 0) return;
    this.#unfinished = Buffer.from(piece.subarray(body.length));
    this.#encodeShown(encoder, time, this.#unfinished, NOTHING);
  }

  /** NUL is valid UTF-8 and yet the mark of binary data; JSON would make six bytes of each. */
  #isText(bytes: Buffer): boolean {
    return (this.#display === 'replacement' || !bytes.includes(0)) && isUtf8(bytes);
  }

  #encodeShown(encoder: EventEncoder, time: string, bytes: Buffer, shown: Buffer): void {
    encoder.base64(time, this.#bytesCode, bytes);
    encoder.text(time, this.#textCode, shown);
  }
}

function encodePiece(
  encoder: EventEncoder,
  time: string,
  textCode: string,
  bytesCode: string,
  piece: Buffer,
  display: BinaryDisplay,
): void {
  if (display === 'replacement' && isUtf8(piece)) {
    encoder.text(time, textCode, piece);
    return;
  }
  encoder.base64(time, bytesCode, piece);
  const shown = display === 'count' ? `[${piece.length} bytes that are not text]\n` : piece.toString('utf8');
  encoder.text(time, textCode, Buffer.from(shown));
}
