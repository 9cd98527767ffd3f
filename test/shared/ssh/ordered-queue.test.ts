import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DataStream, OrderedQueue } from '../../../shared/ssh/ordered-queue.ts';

type Step =
  | { readonly kind: 'data'; readonly stream: DataStream; readonly length: number }
  | { readonly kind: 'mark' }
  | { readonly kind: 'take'; readonly limit: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('data' as const),
    stream: fc.constantFrom<DataStream>('stdout', 'stderr'),
    length: fc.oneof(fc.nat(20), fc.nat(5000)),
  }),
  fc.record({ kind: fc.constant('mark' as const) }),
  fc.record({ kind: fc.constant('take' as const), limit: fc.integer({ min: 1, max: 6000 }) }),
);

describe('an ordered queue', () => {
  it('gives back every byte and mark once, in order, whatever is put in and taken out between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new OrderedQueue<string>();
        const put: string[] = [];
        const got: string[] = [];
        let counter = 0;
        const take = (limit: number): boolean => {
          const item = queue.shift(limit);
          if (item === undefined) return false;
          if (item.kind === 'mark') got.push(item.mark);
          else {
            expect(item.chunk.length).toBeLessThanOrEqual(limit);
            for (const byte of item.chunk) got.push(`${item.stream} ${byte}`);
          }
          return true;
        };
        for (const current of steps) {
          if (current.kind === 'take') take(current.limit);
          else if (current.kind === 'mark') {
            put.push(`mark ${counter}`);
            queue.pushMark(`mark ${counter++}`);
          } else {
            const chunk = Buffer.alloc(current.length, counter++ % 256);
            for (const byte of chunk) put.push(`${current.stream} ${byte}`);
            queue.pushData(chunk, current.stream);
          }
          const bytes = put.length - got.length;
          expect(queue.dataBytes + queue.marks).toBe(bytes);
          expect(queue.isEmpty).toBe(bytes === 0);
        }
        while (take(4096));
        expect(got).toEqual(put);
      }),
    );
  });

  it('keeps a million one-byte pieces in little memory', () => {
    const queue = new OrderedQueue<never>();
    const piece = Buffer.from('x');
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 1_000_000; index += 1) queue.pushData(piece, 'stdout');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 * 1024 * 1024);
    expect(queue.dataBytes).toBe(1_000_000);
  });
});
