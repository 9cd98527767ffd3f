import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HELD_TAIL_MS, HeldTail } from '../../recordings/held-tail.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A held tail that gives up what has waited into `late`. */
function heldTail() {
  const clock = new FakeClock();
  const late: Buffer[] = [];
  const tail: HeldTail = new HeldTail(clock, () => late.push(tail.take() ?? Buffer.alloc(0)));
  return { clock, late, tail };
}

describe('HeldTail', () => {
  it('holds the beginning of a character until its rest comes, and its timer with it', () => {
    const { clock, late, tail } = heldTail();
    const euro = Buffer.from('€');
    expect(tail.join(Buffer.concat([Buffer.from('a'), euro.subarray(0, 2)])).toString()).toBe('a');
    expect(clock.pendingTimers).toBe(1);
    expect(tail.join(euro.subarray(2)).toString()).toBe('€');
    expect(clock.pendingTimers).toBe(0);
    expect(late).toEqual([]);
  });

  it('says when what it holds has waited long enough', () => {
    const { clock, late, tail } = heldTail();
    tail.join(Buffer.from([0xe2, 0x82]));
    clock.advance(HELD_TAIL_MS - 1);
    expect(late).toEqual([]);
    clock.advance(1);
    expect(late).toEqual([Buffer.from([0xe2, 0x82])]);
    expect(tail.take()).toBeUndefined();
  });

  it('keeps what it holds when the memory of the chunk is used again', () => {
    const { tail } = heldTail();
    const chunk = Buffer.from([0x61, 0xe2, 0x82]);
    tail.join(chunk);
    chunk.fill(0);
    expect(tail.take()).toEqual(Buffer.from([0xe2, 0x82]));
  });

  it('gives every byte once and in order, however the output is cut', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 12 });
    fc.assert(
      fc.property(pieces, (chunks) => {
        const { tail } = heldTail();
        const given = chunks.map((chunk) => tail.join(Buffer.from(chunk)));
        const rest = tail.take() ?? Buffer.alloc(0);
        expect(rest.length).toBeLessThanOrEqual(3);
        expect(Buffer.concat([...given, rest])).toEqual(Buffer.concat(chunks));
      }),
    );
  });
});
