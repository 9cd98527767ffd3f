import { DrawbridgeError } from '../shared/errors.ts';
import { LINE_LIMIT_BYTES } from './format.ts';
import { type CastSource, openCast } from './stored-cast.ts';

const NEWLINE = 0x0a;
const READ_BYTES = 256 * 1024;
const READ_MIN_BYTES = 4 * 1024;
const NOTHING = Buffer.alloc(0);

/** Puts lines together from pieces of a file. A line that is not finished yet waits for the next piece. */
export class LineSplitter {
  #rest = NOTHING;

  /** Bytes of the unfinished line. */
  get restBytes(): number {
    return this.#rest.length;
  }

  /**
   * The lines that `piece` completes, without their newlines.
   * @throws `recording.malformed` when a line is longer than {@link LINE_LIMIT_BYTES}.
   */
  split(piece: Buffer): string[] {
    return this.splitBytes(piece).map((line) => line.toString('utf8'));
  }

  /** {@link split} for who does not want every line as text. The lines may be views into `piece`. */
  splitBytes(piece: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      const part = piece.subarray(start, end);
      lines.push(this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part]));
      this.#rest = NOTHING;
      start = end + 1;
    }
    if (start < piece.length) this.#rest = Buffer.concat([this.#rest, piece.subarray(start)]);
    if (this.#rest.length > LINE_LIMIT_BYTES) {
      throw new DrawbridgeError(
        'recording.malformed',
        'The recording has a line that is too long to be an event.',
      );
    }
    return lines;
  }
}

/** Which part of a recording to read. `startBytes` is the start of a line. */
export interface LineRange {
  readonly startBytes?: number;
  readonly endBytes?: number;
}

/**
 * The whole lines of a recording, a few at a time, from `startBytes` (the start of a line) on; half a line at its end
 * is left out.
 * @throws `recording.malformed`, `recording.encrypted`
 */
export async function* readLines(
  source: CastSource,
  signal?: AbortSignal,
  range: LineRange = {},
): AsyncGenerator<readonly string[]> {
  for await (const lines of readLineBytes(source, signal, range)) {
    yield lines.map((line) => line.toString('utf8'));
  }
}

/** {@link readLines} without making text of what nobody may want. What it gives is good until the next is asked for. */
export async function* readLineBytes(
  source: CastSource,
  signal?: AbortSignal,
  range: LineRange = {},
): AsyncGenerator<readonly Buffer[]> {
  const cast = await openCast(source);
  try {
    const splitter = new LineSplitter();
    const endBytes = range.endBytes ?? Number.POSITIVE_INFINITY;
    const startBytes = range.startBytes ?? 0;
    const buffer = Buffer.allocUnsafe(
      Math.min(READ_BYTES, Math.max(READ_MIN_BYTES, cast.sizeBytes - startBytes)),
    );
    for (let position = startBytes; position < endBytes; ) {
      signal?.throwIfAborted();
      const wanted = buffer.subarray(0, Math.min(buffer.length, endBytes - position));
      const bytes = await cast.read(wanted, position);
      if (bytes === 0) return;
      position += bytes;
      const lines = splitter.splitBytes(wanted.subarray(0, bytes));
      if (lines.length > 0) yield lines;
    }
  } finally {
    await cast.close();
  }
}
