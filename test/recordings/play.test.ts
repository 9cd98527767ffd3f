import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type PlayOptions, playRecording } from '../../recordings/play.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function cast(...lines: string[]): string {
  const path = join(temporaryDirectory(), 'a.cast');
  writeFileSync(
    path,
    `${['{"version":2,"width":80,"height":24,"title":"\\u001b]0;x"}', ...lines].join('\n')}\n`,
  );
  return path;
}

/** Plays on a clock that jumps to whatever is waited for, and tells when each text was written. */
async function play(path: string, options: Partial<PlayOptions> = {}): Promise<[number, string][]> {
  const clock = new FakeClock();
  const written: [number, string][] = [];
  let over = false;
  const playing = playRecording(path, {
    clock,
    write: (text) => {
      written.push([clock.monotonicMs(), text]);
    },
    ...options,
  });
  const settled = () => {
    over = true;
  };
  playing.then(settled, settled);
  while (!over) {
    if (clock.pendingTimers > 0) clock.advance(10);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await playing;
  return written;
}

describe('playRecording', () => {
  const lines = ['[0.1, "o", "a"]', '[1.1, "m", "\\u001b[2Jlabel"]', '[2.1, "o", "b"]'];

  it('shows output in its own time, and nothing but output', async () => {
    expect(await play(cast(...lines))).toEqual([
      [100, 'a'],
      [2100, 'b'],
    ]);
  });

  it('plays faster', async () => {
    expect(await play(cast(...lines), { speed: 2 })).toEqual([
      [50, 'a'],
      [1050, 'b'],
    ]);
  });

  it('cuts pauses', async () => {
    expect(
      await play(cast('[0.1, "o", "a"]', '[9.1, "o", "b"]', '[9.2, "o", "c"]'), { maxIdleMs: 500 }),
    ).toEqual([
      [100, 'a'],
      [600, 'b'],
      [700, 'c'],
    ]);
  });

  it('stops at once when its signal is aborted in a pause', async () => {
    const abort = new AbortController();
    const written = await play(cast('[0, "o", "a"]', '[86400, "o", "b"]'), {
      signal: abort.signal,
      write: () => abort.abort(),
    });
    expect(written).toEqual([]);
  });

  it('waits for a terminal that is slow', async () => {
    let writing = 0;
    let most = 0;
    await play(cast('[0, "o", "a"]', '[0, "o", "b"]', '[0, "o", "c"]'), {
      write: async () => {
        most = Math.max(most, ++writing);
        await new Promise((resolve) => setImmediate(resolve));
        writing--;
      },
    });
    expect(most).toBe(1);
  });

  it.each([0, -1, Number.NaN])('refuses speed %d', async (speed) => {
    await expect(play(cast(), { speed })).rejects.toMatchObject({ code: 'usage.speed' });
  });
});
