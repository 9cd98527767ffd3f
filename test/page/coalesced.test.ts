import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { coalesced } from '../../bastion/page/src/data/coalesced.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const DELAY_MS = 150;

test('many who ask cause one piece of work', async () => {
  const work = vi.fn(async () => undefined);
  const soon = coalesced(work, DELAY_MS);
  for (let n = 0; n < 50; n++) soon.ask();
  await vi.advanceTimersByTimeAsync(10 * DELAY_MS);
  expect(work).toHaveBeenCalledTimes(1);
});

test('work that takes longer than events are apart comes to its end, and is done once more after it', async () => {
  let begun = 0;
  let ended = 0;
  const work = () => {
    begun += 1;
    return new Promise<void>((done) => setTimeout(done, 1_000)).then(() => {
      ended += 1;
    });
  };
  const soon = coalesced(work, DELAY_MS);
  for (let atMs = 0; atMs < 900; atMs += 50) {
    soon.ask();
    await vi.advanceTimersByTimeAsync(50);
  }
  expect([begun, ended]).toEqual([1, 0]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect([begun, ended]).toEqual([2, 2]);
});

test('work that failed is no reason not to do it again', async () => {
  const work = vi.fn(() => Promise.reject(new Error('no')));
  const soon = coalesced(work, DELAY_MS);
  soon.ask();
  await vi.advanceTimersByTimeAsync(DELAY_MS);
  soon.ask();
  await vi.advanceTimersByTimeAsync(DELAY_MS);
  expect(work).toHaveBeenCalledTimes(2);
});

test('what was asked for is dropped when it is stopped', async () => {
  const work = vi.fn(async () => undefined);
  const soon = coalesced(work, DELAY_MS);
  soon.ask();
  soon.stop();
  soon.ask();
  await vi.advanceTimersByTimeAsync(10 * DELAY_MS);
  expect(work).not.toHaveBeenCalled();
});
