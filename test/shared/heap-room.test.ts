import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { HEAP_ROOM_BYTES, HEAP_ROOM_LIMIT_BYTES, heapGrowingPercent } from '../../shared/heap-room.ts';
import { startTypeScriptChild } from '../support/inline-child.ts';

const MIB = 1024 ** 2;

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

/**
 * In a process of its own, so that no other test's garbage counts. Says how often V8 marked the whole heap while buffers
 * came and went, without room above the heap and then with it.
 */
const MARKINGS = `
  import { constants, PerformanceObserver } from 'node:perf_hooks';
  import { setImmediate as nextTurn } from 'node:timers/promises';
  import { setFlagsFromString } from 'node:v8';
  import { systemClock } from 'project/shared/clock.ts';
  import { keepHeapRoom } from 'project/shared/heap-room.ts';

  const live = Array.from({ length: 200_000 }, (_, number) => ({ number }));
  let markings = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) markings += 1;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  async function markingsWhileBuffersComeAndGo() {
    markings = 0;
    for (let round = 0; round < 100; round++) {
      for (let made = 0; made < 160; made++) Buffer.allocUnsafeSlow(64 * 1024)[0] = 1;
      await nextTurn();
    }
    await nextTurn();
    return markings;
  }
  setFlagsFromString('--heap-growing-percent=5');
  await markingsWhileBuffersComeAndGo();
  const without = await markingsWhileBuffersComeAndGo();
  keepHeapRoom(systemClock).cancel();
  await markingsWhileBuffersComeAndGo();
  const withRoom = await markingsWhileBuffersComeAndGo();
  observer.disconnect();
  console.log(JSON.stringify({ without, withRoom, live: live.length }));
`;

describe('keeping heap room', () => {
  // V8 of Node.js 24 counts buffers in another way and marks less often by itself: there it heeds this only in part.
  it.runIf(Number(process.versions.node.split('.')[0]) < 24)(
    'is heeded by V8 while it runs: buffers that come and go no longer make it mark the whole heap',
    async () => {
      const child = await startTypeScriptChild(MARKINGS);
      const [answer] = (await once(child.stdout, 'data')) as [Buffer];
      const { without, withRoom } = JSON.parse(answer.toString()) as { without: number; withRoom: number };
      expect(without).toBeGreaterThan(0);
      expect(withRoom).toBeLessThan(without);
    },
  );
});
