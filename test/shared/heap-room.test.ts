import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { afterEach, describe, expect, it } from 'vitest';
import {
  HEAP_ROOM_BYTES,
  HEAP_ROOM_LIMIT_BYTES,
  heapGrowingPercent,
  keepHeapRoom,
} from '../../shared/heap-room.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MIB = 1024 ** 2;
const V8_DECIDES = '--heap-growing-percent=0';

describe('the room above a heap', () => {
  it('is about the same for every small heap, and none of our business for a large one', () => {
    for (const usedBytes of [15 * MIB, 40 * MIB, HEAP_ROOM_LIMIT_BYTES - 1]) {
      const roomBytes = (usedBytes * heapGrowingPercent(usedBytes)) / 100;
      expect(roomBytes).toBeGreaterThanOrEqual(HEAP_ROOM_BYTES);
      expect(roomBytes).toBeLessThan(HEAP_ROOM_BYTES + 2 * MIB);
    }
    expect(heapGrowingPercent(HEAP_ROOM_LIMIT_BYTES)).toBe(0);
    expect(heapGrowingPercent(0)).toBeLessThan(2000);
  });
});

describe('keeping heap room', () => {
  afterEach(() => setFlagsFromString(V8_DECIDES));

  // V8 of Node.js 24 counts buffers in another way and marks less often by itself: there it heeds this only in part.
  it.runIf(Number(process.versions.node.split('.')[0]) < 24)(
    'is heeded by V8 while it runs: buffers that come and go no longer make it mark the whole heap',
    async () => {
      const live = Array.from({ length: 200_000 }, (_, number) => ({ number }));
      setFlagsFromString('--heap-growing-percent=5');
      const before = await wholeHeapMarkings(60);
      keepHeapRoom(new FakeClock(0)).cancel();
      await wholeHeapMarkings(60);
      const after = await wholeHeapMarkings(60);
      expect(live).toHaveLength(200_000);
      expect(before).toBeGreaterThan(4);
      expect(after).toBeLessThan(before / 2);
    },
  );
});

/** How often V8 marked the whole heap while buffers of 10 MiB times `rounds` were made and dropped. */
async function wholeHeapMarkings(rounds: number): Promise<number> {
  let markings = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const detail: unknown = 'detail' in entry ? entry.detail : undefined;
      if (detail === null || typeof detail !== 'object' || !('kind' in detail)) continue;
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) markings += 1;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  for (let round = 0; round < rounds; round++) {
    for (let made = 0; made < 160; made++) Buffer.allocUnsafeSlow(64 * 1024)[0] = 1;
    await nextTurn();
  }
  await nextTurn();
  observer.disconnect();
  return markings;
}
