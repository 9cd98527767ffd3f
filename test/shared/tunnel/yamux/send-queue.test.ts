import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameType } from '../../../../shared/tunnel/yamux/frame.ts';
import type { SendBatch } from '../../../../shared/tunnel/yamux/send-batch.ts';
import {
  BATCH_BYTES,
  QUANTUM_BYTES,
  type Sender,
  SendQueue,
  SMALL_BYTES,
  SMALL_RUN,
} from '../../../../shared/tunnel/yamux/send-queue.ts';

/** Has so many bytes to send, and notes its turns in a common list. */
class CountedSender implements Sender {
  queuedIn: 'none' | 'small' | 'bulk' = 'none';
  readonly name: string;
  waitingBytes: number;
  readonly #turns: string[];
  /** After its last byte, has so many again. */
  refill = 0;

  constructor(name: string, waitingBytes: number, turns: string[]) {
    this.name = name;
    this.waitingBytes = waitingBytes;
    this.#turns = turns;
  }

  get sendable(): boolean {
    return this.waitingBytes > 0;
  }

  moveTo(batch: SendBatch, quantumBytes: number): void {
    const bytes = Math.min(this.waitingBytes, quantumBytes);
    batch.addPayload(Buffer.alloc(bytes));
    this.#turns.push(this.name);
    this.waitingBytes -= bytes;
    if (this.waitingBytes === 0) this.waitingBytes = this.refill;
  }
}

describe('the send queue', () => {
  test('gives bulk senders turns of one quantum, one after the other', () => {
    const queue = new SendQueue();
    const turns: string[] = [];
    for (const name of ['a', 'b', 'c']) queue.add(new CountedSender(name, 4 * QUANTUM_BYTES, turns));
    while (turns.length < 6) queue.next();
    expect(turns.slice(0, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  });

  test('lets a keystroke go before bulk that was there first', () => {
    const queue = new SendQueue();
    const turns: string[] = [];
    queue.add(new CountedSender('bulk', 10 * QUANTUM_BYTES, turns));
    queue.next();
    queue.add(new CountedSender('key', 1, turns));
    turns.length = 0;
    queue.next();
    expect(turns[0]).toBe('key');
  });

  test('sends control frames before everything', () => {
    const queue = new SendQueue();
    queue.add(new CountedSender('key', SMALL_BYTES, []));
    queue.addControl(FrameType.Ping, 1, 0, 7);
    expect(queue.next()?.chunks.map((chunk) => chunk.length)).toEqual([12, SMALL_BYTES]);
  });

  test('does not let a flood of small sends starve a bulk sender', () => {
    const queue = new SendQueue();
    const turns: string[] = [];
    const small = new CountedSender('small', 10, turns);
    small.refill = 10;
    queue.add(small);
    queue.add(new CountedSender('bulk', QUANTUM_BYTES, turns));
    queue.next();
    expect(turns.indexOf('bulk')).toBe(SMALL_RUN);
  });

  test('leaves out a sender that has nothing to send any more', () => {
    const queue = new SendQueue();
    const turns: string[] = [];
    const gone = new CountedSender('gone', 10, turns);
    queue.add(gone);
    gone.waitingBytes = 0;
    expect(queue.next()?.bytes).toBe(0);
    expect(queue.next()).toBeUndefined();
  });

  test('sends everything exactly once, in batches of bounded size', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 20 }),
        (sizes) => {
          const queue = new SendQueue();
          const turns: string[] = [];
          for (const [index, size] of sizes.entries()) queue.add(new CountedSender(`${index}`, size, turns));
          let total = 0;
          for (let batch = queue.next(); batch !== undefined; batch = queue.next()) {
            expect(batch.bytes).toBeLessThan(BATCH_BYTES + QUANTUM_BYTES);
            total += batch.bytes;
          }
          expect(total).toBe(sizes.reduce((sum, size) => sum + size, 0));
        },
      ),
    );
  });
});
