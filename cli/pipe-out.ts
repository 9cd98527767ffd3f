import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { systemCodeOf } from '../shared/errors.ts';

/** What writing to a reader who has left looks like. */
const READER_LEFT = new Set(['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED']);

/**
 * Writes all of `source` to standard output, no faster than it is read. A reader who leaves early, as `head` does,
 * wanted no more: that is no failure.
 */
export async function pipeOut(source: AsyncIterable<string | Buffer>): Promise<void> {
  try {
    await pipeline(Readable.from(source), process.stdout, { end: false });
  } catch (error) {
    if (!READER_LEFT.has(systemCodeOf(error) ?? '')) throw error;
  }
}

/** Keeps a reader who leaves early from being an uncaught error; a role goes on without its terminal. */
export function tolerateClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (!READER_LEFT.has(systemCodeOf(error) ?? '')) throw error;
    });
  }
}
