import { describe, expect, it } from 'vitest';
import { Turns, WAITING_LIMIT } from '../../../shared/store/turns.ts';

describe('turns', () => {
  it('are taken one at a time, in the order of asking, also after one has failed', async () => {
    const turns = new Turns();
    const order: string[] = [];
    let inside = 0;
    const work = (name: string, fails = false) =>
      turns.take(async () => {
        inside += 1;
        expect(inside).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        order.push(name);
        inside -= 1;
        if (fails) throw new Error(name);
      });
    const results = await Promise.allSettled([work('a'), work('b', true), work('c')]);
    expect(order).toEqual(['a', 'b', 'c']);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('are refused when too many wait', async () => {
    const turns = new Turns();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first = turns.take(() => held);
    await new Promise((resolve) => setImmediate(resolve));
    const waiting = Array.from({ length: WAITING_LIMIT }, () => turns.take(async () => {}));
    await expect(turns.take(async () => {})).rejects.toMatchObject({ code: 'store.busy' });
    release();
    await Promise.all([first, ...waiting]);
    await turns.take(async () => {});
  });

  it('are not waited for without an end, so that work which asks from inside its own turn fails', async () => {
    const turns = new Turns(50);
    const order: string[] = [];
    const outer = turns.take(async () => {
      await expect(turns.take(async () => order.push('inner'))).rejects.toMatchObject({ code: 'store.busy' });
      order.push('outer');
    });
    await outer;
    await turns.take(async () => order.push('after'));
    expect(order).toEqual(['outer', 'after']);
  });

  it('keep their order when one of those who wait gives up', async () => {
    const turns = new Turns(50);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let inside = 0;
    const first = turns.take(async () => {
      inside += 1;
      await held;
      inside -= 1;
    });
    await expect(turns.take(async () => undefined)).rejects.toMatchObject({ code: 'store.busy' });
    const third = turns.take(async () => inside);
    release();
    await first;
    expect(await third).toBe(0);
  });

  it('can be asked for by what was begun in a turn and goes on after it', async () => {
    const turns = new Turns();
    let later: Promise<string> | undefined;
    await turns.take(async () => {
      later = new Promise((resolve) => setImmediate(resolve)).then(() => turns.take(async () => 'done'));
    });
    expect(await later).toBe('done');
  });
});
