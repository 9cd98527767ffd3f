import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BATCH_BYTES, WriteBatch } from '../../../shared/ssh/write-batch.ts';

class Counting extends Writable {
  readonly writes: string[][] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.writes.push([chunk.toString()]);
    done();
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: () => void): void {
    this.writes.push(chunks.map(({ chunk }) => chunk.toString()));
    done();
  }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('a batch of writes', () => {
  it('goes out as one, in order, at the end of the turn', async () => {
    const stream = new Counting();
    const batch = new WriteBatch(stream);
    for (const text of ['a', 'b', 'c']) {
      batch.begin();
      stream.write(text);
    }
    expect(stream.writes).toEqual([]);
    await nextTurn();
    expect(stream.writes).toEqual([['a', 'b', 'c']]);
    batch.begin();
    stream.write('d');
    await nextTurn();
    expect(stream.writes).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('goes out earlier when it is full', () => {
    const stream = new Counting({ highWaterMark: BATCH_BYTES * 4 });
    const batch = new WriteBatch(stream);
    const half = 'x'.repeat(BATCH_BYTES / 2);
    for (const text of [half, half, 'rest']) {
      batch.begin();
      stream.write(text);
    }
    expect(stream.writes).toEqual([[half, half]]);
  });

  it('loses nothing when the stream is ended in the middle', async () => {
    const stream = new Counting();
    const batch = new WriteBatch(stream);
    batch.begin();
    stream.write('last');
    stream.end();
    await nextTurn();
    expect(stream.writes.flat()).toEqual(['last']);
  });

  it('leaves a destroyed stream alone', async () => {
    const stream = new Counting();
    const batch = new WriteBatch(stream);
    batch.begin();
    stream.write('lost');
    stream.destroy();
    await nextTurn();
    batch.begin();
    await nextTurn();
    expect(stream.writes).toEqual([]);
  });
});
