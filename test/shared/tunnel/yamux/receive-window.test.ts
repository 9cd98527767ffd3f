import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  INITIAL_WINDOW_BYTES,
  MAX_STREAM_WINDOW_BYTES,
  MAX_TUNNEL_WINDOW_GROWTH_BYTES,
} from '../../../../shared/tunnel/limits.ts';
import {
  ReceiveWindow,
  WindowBudget,
  type WindowContext,
} from '../../../../shared/tunnel/yamux/receive-window.ts';

class Path implements WindowContext {
  readonly budget = new WindowBudget();
  baseRttMs: number | undefined;
  timeMs = 0;

  constructor(baseRttMs?: number) {
    this.baseRttMs = baseRttMs;
  }

  nowMs(): number {
    return this.timeMs;
  }
}

/** A sender that sends what it may, once per round trip and at most at this rate; the reader takes it as it comes. */
function saturate(window: ReceiveWindow, path: Path, bytesPerMs: number, roundTrips: number): void {
  const rttMs = path.baseRttMs ?? 1;
  for (let trip = 0; trip < roundTrips; trip += 1) {
    const bytes = Math.min(window.sizeBytes, bytesPerMs * rttMs);
    const pieces = Math.ceil(bytes / 16_384);
    path.timeMs += rttMs - bytes / bytesPerMs;
    for (let piece = 0; piece < pieces; piece += 1) {
      path.timeMs += bytes / pieces / bytesPerMs;
      window.received(bytes / pieces);
      window.consumed(bytes / pieces);
    }
  }
}

describe('a receive window', () => {
  test('owes nothing before a quarter of it was read, and then all of it at once', () => {
    const window = new ReceiveWindow(new Path());
    const quarter = INITIAL_WINDOW_BYTES / 4;
    expect(window.consumed(quarter - 1)).toBe(0);
    expect(window.consumed(1)).toBe(quarter);
  });

  test('takes what it allows, and not a byte more', () => {
    const window = new ReceiveWindow(new Path());
    expect(window.received(INITIAL_WINDOW_BYTES)).toBe(true);
    expect(window.received(1)).toBe(false);
  });

  test('grows to what the path can hold at 60 ms and 100 MiB/s', () => {
    const path = new Path(60);
    const window = new ReceiveWindow(path);
    saturate(window, path, (100 * 1024 * 1024) / 1000, 6);
    expect(window.sizeBytes).toBe(MAX_STREAM_WINDOW_BYTES);
  });

  test('grows no further than a slower path needs', () => {
    const path = new Path(60);
    const window = new ReceiveWindow(path);
    const bytesPerMs = (10 * 1024 * 1024) / 1000;
    saturate(window, path, bytesPerMs, 50);
    expect(window.sizeBytes).toBeGreaterThan(60 * bytesPerMs);
    expect(window.sizeBytes).toBeLessThan(4.1 * 60 * bytesPerMs);
  });

  test('stays small on loopback, where a larger one would only add delay', () => {
    const path = new Path(0.1);
    const window = new ReceiveWindow(path);
    saturate(window, path, (800 * 1024 * 1024) / 1000, 100);
    expect(window.sizeBytes).toBe(INITIAL_WINDOW_BYTES);
  });

  test('stays small for a slow reader, however long the path', () => {
    const path = new Path(60);
    const window = new ReceiveWindow(path);
    saturate(window, path, 1024, 100);
    expect(window.sizeBytes).toBe(INITIAL_WINDOW_BYTES);
  });

  test('does not grow before a round trip time was measured', () => {
    const path = new Path();
    const window = new ReceiveWindow(path);
    saturate(window, path, 1e6, 20);
    expect(window.sizeBytes).toBe(INITIAL_WINDOW_BYTES);
  });

  test('shares the growth of its tunnel and gives it back', () => {
    const path = new Path(60);
    const windows = Array.from({ length: 20 }, () => new ReceiveWindow(path));
    for (const window of windows) saturate(window, path, 1e6, 20);
    const grown = windows.reduce((sum, window) => sum + window.sizeBytes - INITIAL_WINDOW_BYTES, 0);
    expect(grown).toBe(MAX_TUNNEL_WINDOW_GROWTH_BYTES);
    for (const window of windows) window.release();
    const late = new ReceiveWindow(path);
    saturate(late, path, 1e6, 20);
    expect(late.sizeBytes).toBe(MAX_STREAM_WINDOW_BYTES);
  });

  test('never lets the peer have more on its way than its size', () => {
    const step = fc.record({
      bytes: fc.integer({ min: 1, max: 300_000 }),
      read: fc.double({ min: 0, max: 1, noNaN: true }),
      ms: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 200 }), (steps, rttMs) => {
        const path = new Path(rttMs);
        const window = new ReceiveWindow(path);
        let allowed = INITIAL_WINDOW_BYTES;
        let unread = 0;
        for (const { bytes, read, ms } of steps) {
          path.timeMs += ms;
          const sent = Math.min(bytes, allowed);
          expect(window.received(sent)).toBe(true);
          allowed -= sent;
          unread += sent;
          const taken = Math.floor(unread * read);
          unread -= taken;
          allowed += window.consumed(taken);
          expect(allowed + unread).toBeLessThanOrEqual(window.sizeBytes);
        }
      }),
    );
  });
});
