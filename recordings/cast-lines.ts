import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { DrawbridgeError } from '../shared/errors.ts';
import { LINE_LIMIT_BYTES } from './format.ts';

const NEWLINE = 0x0a;
const READ_BYTES = 64 * 1024;
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
    const lines: string[] = [];
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end !== -1; end = piece.indexOf(NEWLINE, start)) {
      const part = piece.subarray(start, end);
      lines.push((this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part])).toString('utf8'));
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

/** The whole lines of a file, a few at a time; half a line at its end is left out. @throws `recording.malformed` */
export async function* readLines(path: string, signal?: AbortSignal): AsyncGenerator<readonly string[]> {
  const file = await open(path, 'r');
  try {
    const splitter = new LineSplitter();
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    while (true) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      const lines = splitter.split(buffer.subarray(0, bytesRead));
      if (lines.length > 0) yield lines;
    }
  } finally {
    await file.close();
  }
}

/**
 * Size in bytes of the file up to and including its last newline: what may be served of a recording that was cut off.
 * Reads the end of the file only, and synchronously.
 */
export function wholeLinesSize(path: string): number {
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (let end = fstatSync(fd).size; end > 0; ) {
      const start = Math.max(0, end - READ_BYTES);
      const bytes = readSync(fd, buffer, 0, end - start, start);
      const newline = buffer.subarray(0, bytes).lastIndexOf(NEWLINE);
      if (newline !== -1) return start + newline + 1;
      end = start;
    }
    return 0;
  } finally {
    closeSync(fd);
  }
}
