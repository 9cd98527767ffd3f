import type { Clock } from '../../shared/clock.ts';
import type { TunnelStream } from '../../shared/tunnel/tunnel.ts';

/**
 * After the last words to the operator, what was encrypted before them may leave for so long; a stream that has not let
 * go of it by then is cut. Nothing of the session is encrypted any more by then.
 */
export const FLUSH_MS = 30;

/** And so long may the operator take to hear them. A cut makes the proxy drop what it still has for the operator. */
export const LAST_WORDS_MS = 50;

/** Cuts the operator's stream once the last words, which were written to it, have had their time. */
export function cutAfterLastWords(
  stream: Pick<TunnelStream, 'writableFinished' | 'destroy'>,
  clock: Pick<Clock, 'after'>,
): void {
  clock.after(FLUSH_MS, () => {
    if (!stream.writableFinished) stream.destroy();
  });
  clock.after(LAST_WORDS_MS, () => stream.destroy());
}
