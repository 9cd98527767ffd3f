import { rm } from 'node:fs/promises';
import type { RecordingWorker } from '../../recordings/indexing/recording-worker.ts';
import { GZIP_SUFFIX } from '../../recordings/stored-cast.ts';
import type { Clock, Timer } from '../../shared/clock.ts';
import { isDrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { FinishedRecording, RecordingCatalogue } from './recording-catalogue.ts';

/** A finished recording that is smaller stays as it is: nothing is gained. */
export const COMPRESS_FROM_BYTES = 4 * 1024;

/** How often recordings are looked for that have become old enough. */
const ROUND_MS = 60 * 60 * 1000;

/** Recordings of one round; the next goes on. */
const ROUND_LIMIT = 10_000;

export interface CompressionParts {
  readonly catalogue: RecordingCatalogue;
  readonly worker: Pick<RecordingWorker, 'compress'>;
  /** Recordings younger than this stay plain asciicasts, which every tool plays. */
  readonly afterMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Compresses finished recordings once they are old enough, one after the other, in the background. */
export class Compression {
  readonly #parts: CompressionParts;
  readonly #timer: Timer;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: CompressionParts) {
    this.#parts = parts;
    this.#timer = parts.clock.every(ROUND_MS, () => void this.round());
  }

  /** Compresses what is due. A fault is logged, and tried again in the next round. */
  round(): Promise<void> {
    this.#last = this.#last.then(async () => {
      const { catalogue, clock, afterMs, log } = this.#parts;
      try {
        const before = new Date(clock.nowMs() - afterMs).toISOString();
        for (const recording of await catalogue.compressible(before, COMPRESS_FROM_BYTES, ROUND_LIMIT)) {
          if (this.#closed) return;
          await this.#compress(recording);
        }
      } catch (error) {
        if (!this.#closed) log.warn({ err: error }, 'recordings that are due could not be compressed');
      }
    });
    return this.#last;
  }

  /** Resolves when what is being done is done; nothing more is begun. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer.cancel();
    await this.#last;
  }

  async #compress({ session, channel, path, sha256 }: FinishedRecording): Promise<void> {
    const { catalogue, worker, log } = this.#parts;
    if (sha256 === undefined) return;
    try {
      const done = await worker.compress(path, sha256);
      if (done.state !== 'compressed') {
        log.error({ session, channel }, 'a recording is not what the audit log says: it is left as it is');
        return;
      }
      await catalogue.compressed(session, channel, done.storedBytes);
      // Deleted meanwhile: then its compressed form, too.
      if ((await catalogue.find(session, channel)) === undefined) {
        await rm(`${path}${GZIP_SUFFIX}`, { force: true });
      }
    } catch (error) {
      if (!isDrawbridgeError(error, 'worker.ended')) {
        log.warn({ err: error, session, channel }, 'a recording could not be compressed');
      }
    }
  }
}
