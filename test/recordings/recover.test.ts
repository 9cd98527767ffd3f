import { appendFileSync, copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCast } from '../../recordings/cast-reader.ts';
import { digestFile } from '../../recordings/digest.ts';
import { Recorder } from '../../recordings/recorder.ts';
import { recoverRecordings } from '../../recordings/recover.ts';
import { castHeader } from '../support/cast-header.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createTemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';

/** A closed recording with events of several kinds, 2.5 s long. */
async function record(path: string): Promise<void> {
  const clock = new FakeClock();
  const recorder = Recorder.create(path, castHeader(), { clock, pty: true });
  for (let n = 0; n < 5; n++) {
    recorder.output(Buffer.from(`line ${n} ☃\r\n`));
    recorder.output(Buffer.from([0xff, 0xfe]));
    clock.advance(500);
  }
  recorder.exit({ code: 0 });
  await recorder.close();
}

async function itemsOf(path: string) {
  const items: unknown[] = [];
  for await (const item of readCast(path)) items.push(item);
  return items;
}

describe('recoverRecordings', () => {
  it('says in the recording what may be missing when the machine stopped, once, and not when it was closed', async () => {
    const folder = temporaryDirectory();
    const path = join(folder, 'a.cast');
    await record(path);
    const [closed] = await recoverRecordings(folder, { gapMs: 1000 });
    expect(closed).toMatchObject({ state: 'closed', changed: false });
    expect(closed).not.toHaveProperty('gapMs');
    const whole = readFileSync(path);
    truncateSync(path, whole.lastIndexOf('\n', whole.length - 2) + 1);
    expect(await recoverRecordings(folder, { gapMs: 1000 })).toMatchObject([
      { state: 'interrupted', gapMs: 1000 },
    ]);
    const once = readFileSync(path, 'utf8');
    await recoverRecordings(folder, { gapMs: 1000 });
    expect(readFileSync(path, 'utf8')).toBe(once);
    expect(once.trimEnd().split('\n').slice(-2)).toEqual([
      expect.stringContaining('"m", "gap: the machine stopped, up to 1 s may be missing"'),
      expect.stringContaining('"m", "interrupted"'),
    ]);
  });

  it('leaves a recording that was closed as it is', async () => {
    const folder = temporaryDirectory();
    const path = join(folder, 'a.cast');
    await record(path);
    const before = readFileSync(path);
    expect(await recoverRecordings(folder)).toEqual([
      { path, state: 'closed', durationMs: 2500, cutBytes: 0, changed: false, ...(await digestFile(path)) },
    ]);
    expect(readFileSync(path)).toEqual(before);
  });

  it('closes a recording cut at any byte, keeping its whole lines, and does so once', async () => {
    const source = createTemporaryDirectory();
    try {
      const original = join(source.path, 'a.cast');
      await record(original);
      const whole = readFileSync(original);
      const headerBytes = whole.indexOf('\n') + 1;
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: headerBytes, max: whole.length - 1 }), async (sizeBytes) => {
          const { path: folder, remove } = createTemporaryDirectory();
          try {
            const path = join(folder, 'a.cast');
            copyFileSync(original, path);
            truncateSync(path, sizeBytes);
            const keptBytes = whole.lastIndexOf('\n', sizeBytes - 1) + 1;
            const [found] = await recoverRecordings(folder);
            expect(found).toMatchObject({
              state: 'interrupted',
              changed: true,
              cutBytes: sizeBytes - keptBytes,
              ...(await digestFile(path)),
            });
            expect(readFileSync(path).subarray(0, keptBytes)).toEqual(whole.subarray(0, keptBytes));
            const items = await itemsOf(path);
            expect(items.at(-1)).toMatchObject({ code: 'm', data: 'interrupted' });

            const [again] = await recoverRecordings(folder);
            expect(again).toMatchObject({ ...found, changed: false, cutBytes: 0 });
          } finally {
            remove();
          }
        }),
        { numRuns: 100 },
      );
    } finally {
      source.remove();
    }
  });

  it('cuts off what a power cut leaves at the end', async () => {
    const folder = temporaryDirectory();
    const path = join(folder, 'a.cast');
    await record(path);
    const whole = readFileSync(path);
    truncateSync(path, whole.lastIndexOf('\n', whole.length - 2) + 1);
    appendFileSync(path, Buffer.alloc(300_000));
    appendFileSync(path, '\ngarbage\n[1, "o"]\nmore');
    expect(await recoverRecordings(folder)).toMatchObject([
      { state: 'interrupted', cutBytes: 300_000 + 1 + 8 + 9 + 4 },
    ]);
    expect((await itemsOf(path)).at(-1)).toMatchObject({ time: 2, code: 'm', data: 'interrupted' });
  });

  it('reports a file without a header and does not touch it', async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, 'empty.cast'), '');
    writeFileSync(join(folder, 'garbage.cast'), 'hello\n'.repeat(5000));
    const found = await recoverRecordings(folder);
    expect(found.map(({ state }) => state)).toEqual(['unreadable', 'unreadable']);
    expect(readFileSync(join(folder, 'garbage.cast'), 'utf8')).toBe('hello\n'.repeat(5000));
  });

  it('looks into folders, at recordings only, and only at those that it is asked about', async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, '2030'));
    await record(join(folder, '2030', 'a.cast'));
    await record(join(folder, 'b.cast'));
    writeFileSync(join(folder, 'notes.txt'), 'x');
    expect(await recoverRecordings(folder)).toHaveLength(2);
    const only = await recoverRecordings(folder, { only: (path) => path.endsWith('a.cast') });
    expect(only.map(({ path }) => path)).toEqual([join(folder, '2030', 'a.cast')]);
  });

  it('says that the folder is missing', async () => {
    await expect(recoverRecordings(join(temporaryDirectory(), 'missing'))).rejects.toThrow();
  });

  it('stops when its signal is aborted', async () => {
    const folder = temporaryDirectory();
    await record(join(folder, 'a.cast'));
    await expect(recoverRecordings(folder, { signal: AbortSignal.abort() })).rejects.toThrow();
  });
});
