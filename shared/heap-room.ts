import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import type { Clock, Timer } from './clock.ts';

/**
 * Room that the garbage collector leaves above a small heap. Twice the 32 MiB of dead buffers at which V8 clears its
 * young generation by itself, which is cheap.
 */
export const HEAP_ROOM_BYTES = 64 * 1024 * 1024;

/** With a heap so large, V8's own rule leaves room enough; a fixed share of it would be too much memory. */
export const HEAP_ROOM_LIMIT_BYTES = 2 * HEAP_ROOM_BYTES;

const REVIEW_MS = 5_000;

/**
 * By how many percent the heap may grow before all of it is marked, so that about {@link HEAP_ROOM_BYTES} fit; 0 leaves
 * it to V8.
 */
export function heapGrowingPercent(usedBytes: number): number {
  if (usedBytes >= HEAP_ROOM_LIMIT_BYTES) return 0;
  return Math.ceil((100 * HEAP_ROOM_BYTES) / Math.max(usedBytes, HEAP_ROOM_BYTES / 16));
}

/**
 * Keeps V8 from marking the whole heap over and over while bytes are relayed. It counts the buffers of packets against
 * a limit that follows the size of the heap, and beside a heap of 15 MB a few hundred packets reach it: half of a
 * relaying process's time went into that. Young buffers are freed long before they fill the room that is made here.
 * See decision 0005.
 *
 * @returns what stops the reviews; the last setting stays.
 */
export function keepHeapRoom(clock: Clock): Timer {
  const review = (): void =>
    setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent(getHeapStatistics().used_heap_size)}`);
  review();
  return clock.every(REVIEW_MS, review);
}
