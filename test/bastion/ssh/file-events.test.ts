import { describe, expect, it } from 'vitest';
import { FileEvents, GATHER_MS, GATHERED_LIMIT } from '../../../bastion/ssh/file-events.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Files of a channel whose events are stored when the test says so. */
function filesOfAChannel() {
  const clock = new FakeClock();
  const asked: string[] = [];
  const answers: { store(): void; fail(): void }[] = [];
  const files = new FileEvents({
    clock,
    record: (_type, { path }) => {
      asked.push(String(path));
      return new Promise((resolve, reject) => {
        answers.push({ store: resolve, fail: () => reject(new Error('the disk is full')) });
      });
    },
  });
  const add = (path: string) => files.add('file.written', { path });
  return { clock, asked, answers, files, add };
}

describe('the events about files of a channel', () => {
  it('are stored at once when nothing was stored just before', () => {
    const { asked, clock, add } = filesOfAChannel();
    add('a');
    expect(asked).toEqual(['a']);
    clock.advance(GATHER_MS);
    add('b');
    expect(asked).toEqual(['a', 'b']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('wait for each other in a storm, and are stored together in their order', () => {
    const { asked, clock, add } = filesOfAChannel();
    add('a');
    clock.advance(GATHER_MS - 10);
    add('b');
    add('c');
    expect(asked).toEqual(['a']);
    clock.advance(9);
    expect(asked).toEqual(['a']);
    clock.advance(1);
    expect(asked).toEqual(['a', 'b', 'c']);
    add('d');
    expect(asked).toEqual(['a', 'b', 'c']);
    clock.advance(GATHER_MS);
    expect(asked).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are stored at once when too many wait', () => {
    const { asked, clock, add } = filesOfAChannel();
    add('first');
    for (let n = 1; n < GATHERED_LIMIT; n++) add(`${n}`);
    expect(asked).toEqual(['first']);
    add('last');
    expect(asked).toHaveLength(GATHERED_LIMIT + 1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('are stored at the end of the channel, which waits for them', async () => {
    const { asked, answers, clock, files, add } = filesOfAChannel();
    add('a');
    add('b');
    let hasSettled = false;
    const settled = files.settle().then(() => {
      hasSettled = true;
    });
    expect(asked).toEqual(['a', 'b']);
    expect(clock.pendingTimers).toBe(0);
    answers[0]?.store();
    await new Promise(setImmediate);
    expect(hasSettled).toBe(false);
    answers[1]?.store();
    await settled;
  });

  it('do not keep the channel from its end when they can not be stored', async () => {
    const { answers, files, add } = filesOfAChannel();
    add('a');
    const settled = files.settle();
    answers[0]?.fail();
    await settled;
  });
});
