import type { Clock } from '../shared/clock.ts';
import { DrawbridgeError } from '../shared/errors.ts';
import { readCastForDisplay } from './cast-reader.ts';
import { EVENT_CODE } from './format.ts';
import type { CastSource } from './stored-cast.ts';

/** How to play. */
export interface PlayOptions {
  /** 2 is twice as fast; 1 unless given. Above 0. */
  readonly speed?: number;
  /** Pauses in the recording are cut to so many milliseconds, before `speed` applies. */
  readonly maxIdleMs?: number;
  /** Shows text on the terminal. Playing waits for it. */
  readonly write: (text: string) => void | Promise<void>;
  /** Ends playing at once. */
  readonly signal?: AbortSignal;
  readonly clock: Clock;
}

/** Node's longest timer; it keeps the process alive and never fires in a life's time of playing. */
const KEEP_ALIVE_MS = 2_147_483_647;

/**
 * Plays the recording at `source` in a terminal, in its own time. Resolves at its end, or early when `signal` is
 * aborted.
 *
 * Only recorded output is written: labels, titles and names, which others than the host's programs chose, never reach
 * the terminal, so that they can bring no control sequences.
 * @throws `recording.malformed`, `usage.speed`
 */
export async function playRecording(source: CastSource, options: PlayOptions): Promise<void> {
  const { speed = 1, maxIdleMs = Number.POSITIVE_INFINITY, write, signal, clock } = options;
  if (!(speed > 0)) {
    throw new DrawbridgeError('usage.speed', 'The speed must be a number above 0.', {
      hint: 'For example 2 for twice as fast, or 0.5 for half as fast.',
    });
  }
  // A clock's timers do not keep the process alive; somebody who watches a pause wants it to go on.
  const keepAlive = setInterval(() => {}, KEEP_ALIVE_MS);
  try {
    const startMs = clock.monotonicMs();
    let dueMs = 0;
    let lastMs = 0;
    for await (const item of readCastForDisplay(source)) {
      if (item.kind === 'header') continue;
      const gapMs = Math.max(0, item.time * 1000 - lastMs);
      lastMs = item.time * 1000;
      dueMs += Math.min(gapMs, maxIdleMs) / speed;
      if (item.code !== EVENT_CODE.output) continue;
      await waitUntil(clock, startMs + dueMs, signal);
      if (signal?.aborted === true) return;
      await write(item.data);
    }
  } finally {
    clearInterval(keepAlive);
  }
}

async function waitUntil(clock: Clock, monotonicMs: number, signal: AbortSignal | undefined): Promise<void> {
  const delayMs = monotonicMs - clock.monotonicMs();
  if (delayMs <= 0 || signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      timer.cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(delayMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}
