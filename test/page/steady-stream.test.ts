import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type EventSourceLike,
  SILENCE_LIMIT_MS,
  SteadyStream,
} from '../../bastion/page/src/data/steady-stream.ts';

/** What the browser has for event streams, driven by the test. */
class FakeEventSource implements EventSourceLike {
  readonly #listeners = new Map<string, (event: { readonly data: string }) => void>();
  closed = false;

  addEventListener(name: string, listener: (event: { readonly data: string }) => void): void {
    this.#listeners.set(name, listener);
  }

  close(): void {
    this.closed = true;
  }

  say(name: string, data = ''): void {
    this.#listeners.get(name)?.({ data });
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function follow() {
  const heard: string[] = [];
  const opened: FakeEventSource[] = [];
  const stream = new SteadyStream({
    open: () => {
      const source = new FakeEventSource();
      opened.push(source);
      return source;
    },
    on: { audit: (data) => void heard.push(data) },
    onOpen: () => void heard.push('open'),
    onBreak: () => void heard.push('break'),
  });
  stream.start();
  const latest = () => {
    const source = opened.at(-1);
    if (source === undefined) throw new Error('no stream was opened');
    return source;
  };
  return { stream, heard, opened, latest };
}

test('a stream that breaks is opened anew, ever more seldom, and at once again after it has worked', async () => {
  const { stream, heard, opened, latest } = follow();
  latest().say('open');
  latest().say('audit', '1');
  for (let turn = 0; turn < 6; turn++) {
    const broken = latest();
    broken.say('error');
    expect(broken.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(15_000);
    expect(latest()).not.toBe(broken);
  }
  latest().say('open');
  latest().say('error');
  const before = opened.length;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(opened.length).toBe(before + 1);
  expect(heard.slice(0, 4)).toEqual(['open', '1', 'break', 'break']);
  stream.stop();
});

test('a stream on which nothing comes any more counts as broken; a sign of life is enough', async () => {
  const { stream, heard, latest } = follow();
  latest().say('open');
  for (let turn = 0; turn < 5; turn++) {
    await vi.advanceTimersByTimeAsync(SILENCE_LIMIT_MS - 1);
    latest().say('alive', '{}');
  }
  expect(heard).toEqual(['open']);
  await vi.advanceTimersByTimeAsync(SILENCE_LIMIT_MS);
  expect(heard).toEqual(['open', 'break']);
  stream.stop();
});

test('one that was stopped asks for nothing more', async () => {
  const { stream, heard, opened, latest } = follow();
  latest().say('error');
  stream.stop();
  await vi.advanceTimersByTimeAsync(10 * SILENCE_LIMIT_MS);
  expect(opened.length).toBe(1);
  expect(heard).toEqual(['break']);
});
