import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Compressed } from '../compress.ts';
import type { IndexRange, IndexSegment } from './index-format.ts';
import type { WorkerAnswer, WorkerRequest } from './worker-messages.ts';

/** The thread ends when it had nothing to do for so long: it takes tens of megabytes. */
export const IDLE_MS = 20_000;

/** A thread that gives no sign for so long is stuck in a recording that was made for it: it is ended. */
export const SILENCE_MS = 120_000;

/** JavaScript memory of the thread. */
const HEAP_LIMIT_MIB = 192;

/**
 * A thread that reads recordings, so that no session waits for it. It does one thing at a time; a recording that
 * makes it fail costs that recording's index, never the process.
 */
export class RecordingWorker {
  readonly #clock: Clock;
  #thread: Worker | undefined;
  #idle: Timer | undefined;
  #closed = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Indexes a recording; `store` is awaited for each segment before the next is made.
   * @throws `recording.*`, `worker.stuck`, `worker.ended`, what `store` throws
   */
  index(path: string, range: IndexRange, store: (segment: IndexSegment) => Promise<void>): Promise<void> {
    return this.#inTurn(async () => {
      await this.#ask({ kind: 'index', path, range }, async (answer) => {
        if (answer.kind !== 'segment') return answer.kind === 'indexed' ? answer : undefined;
        await store(answer.segment);
        this.#thread?.postMessage({ kind: 'stored' } satisfies WorkerRequest);
        return undefined;
      });
    });
  }

  /** See `compressRecording`. @throws `recording.*`, `worker.stuck`, `worker.ended` */
  compress(path: string, sha256: string): Promise<Compressed> {
    return this.#inTurn(async () => {
      const { result } = await this.#ask({ kind: 'compress', path, sha256 }, async (answer) =>
        answer.kind === 'compressed' ? answer : undefined,
      );
      return result;
    });
  }

  /** Ends the thread at once; what it was doing fails with `worker.ended`. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#idle?.cancel();
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Sends `request` and hands each answer to `take`, until that gives the last one back. */
  async #ask<T>(request: WorkerRequest, take: (answer: WorkerAnswer) => Promise<T | undefined>): Promise<T> {
    const thread = this.#start();
    let silence: Timer | undefined;
    let stop = () => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        const onEnd = (): void => reject(ended());
        const onError = (cause: Error): void => reject(ended(cause));
        const waitForSign = (): void => {
          silence?.cancel();
          silence = this.#clock.after(SILENCE_MS, () => reject(stuck()));
        };
        const onMessage = (answer: WorkerAnswer): void => {
          if (answer.kind === 'failed') {
            reject(new DrawbridgeError(answer.code, answer.message));
            return;
          }
          silence?.cancel();
          take(answer).then((last) => (last === undefined ? waitForSign() : resolve(last)), reject);
        };
        thread.on('message', onMessage);
        thread.on('error', onError);
        thread.on('exit', onEnd);
        stop = () => {
          thread.off('message', onMessage);
          thread.off('error', onError);
          thread.off('exit', onEnd);
        };
        waitForSign();
        thread.postMessage(request);
      });
    } catch (error) {
      // Whatever it was doing for this request, it must not answer the next one with it.
      this.#thread = undefined;
      stop();
      thread.on('error', () => undefined);
      await thread.terminate();
      throw error;
    } finally {
      stop();
      silence?.cancel();
      this.#waitIdle();
    }
  }

  #start(): Worker {
    if (this.#closed) throw ended();
    this.#idle?.cancel();
    if (this.#thread !== undefined) return this.#thread;
    const thread = new Worker(workerFile(), { resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MIB } });
    thread.unref();
    thread.on('exit', () => {
      if (this.#thread === thread) this.#thread = undefined;
    });
    this.#thread = thread;
    return thread;
  }

  #waitIdle(): void {
    this.#idle?.cancel();
    const thread = this.#thread;
    if (this.#closed || thread === undefined) return;
    this.#idle = this.#clock.after(IDLE_MS, () => {
      if (this.#thread !== thread) return;
      this.#thread = undefined;
      void thread.terminate();
    });
  }
}

/** The built worker; beside this file when that is built too, else where the build puts it. */
function workerFile(): string {
  const beside = fileURLToPath(new URL('./worker.js', import.meta.url));
  return existsSync(beside)
    ? beside
    : fileURLToPath(new URL('../../dist/recordings/indexing/worker.js', import.meta.url));
}

function stuck(): DrawbridgeError {
  return new DrawbridgeError(
    'worker.stuck',
    `Nothing came of the recording for ${SILENCE_MS / 1000} s, so it was given up.`,
  );
}

function ended(cause?: Error): DrawbridgeError {
  return new DrawbridgeError('worker.ended', 'The thread that reads recordings has ended.', { cause });
}
