import { expect, test } from 'vitest';
import { cutAfterLastWords, FLUSH_MS, LAST_WORDS_MS } from '../../../bastion/ssh/last-words.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** A stream, as it is left after so long; `finished`: it has let go of all that was written. */
function streamAfter(ms: number, finished: boolean): { destroyed: boolean } {
  const clock = new FakeClock();
  const stream = { writableFinished: finished, destroyed: false };
  const destroy = (): never => {
    stream.destroyed = true;
    return undefined as never;
  };
  cutAfterLastWords({ ...stream, destroy }, clock);
  expect(stream.destroyed).toBe(false);
  clock.advance(ms);
  return stream;
}

test('a stream that has let go of the last words stays until they had time to be heard', () => {
  expect(streamAfter(LAST_WORDS_MS - 1, true).destroyed).toBe(false);
  expect(streamAfter(LAST_WORDS_MS, true).destroyed).toBe(true);
});

test('a stream that has not let go of them in time is cut earlier', () => {
  expect(streamAfter(FLUSH_MS - 1, false).destroyed).toBe(false);
  expect(streamAfter(FLUSH_MS, false).destroyed).toBe(true);
});
