import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBytesEvent } from '../../../recordings/format.ts';
import type { IndexSegment, Keyframe } from '../../../recordings/indexing/index-format.ts';
import { indexRecording } from '../../../recordings/indexing/index-recording.ts';
import { Recorder } from '../../../recordings/recorder.ts';
import { wholeLinesSize } from '../../../recordings/stored-cast.ts';
import { systemClock } from '../../../shared/clock.ts';
import { castHeader } from '../../support/cast-header.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

type Event = readonly [number, string, string];

function cast(events: readonly Event[], header: object = {}): string {
  const path = join(temporaryDirectory(), 's-1.cast');
  const lines = [{ version: 2, width: 40, height: 5, ...header }, ...events];
  writeFileSync(path, `${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
  return path;
}

async function indexed(path: string, from?: Keyframe): Promise<IndexSegment[]> {
  const segments: IndexSegment[] = [];
  const endBytes = await wholeLinesSize(path);
  for await (const segment of indexRecording(path, { endBytes, ...(from === undefined ? {} : { from }) })) {
    segments.push(segment);
  }
  return segments;
}

async function linesOf(events: readonly Event[], header?: object) {
  return (await indexed(cast(events, header))).flatMap(({ chunks }) => chunks.flatMap(({ lines }) => lines));
}

describe('the text of a recording', () => {
  it('is what was on the screen, with the time at which it was there', async () => {
    const lines = await linesOf([
      [1, 'o', 'first line\r\n'],
      [2.5, 'o', 'second line\r\n'],
    ]);
    expect(lines).toEqual([
      [1, 'first line'],
      [2.5, 'second line'],
    ]);
  });

  it('is the line as it was edited, and not the keys', async () => {
    const lines = await linesOf([
      [1, 'o', '$ rm -fr /tmp'],
      [1.1, 'o', '\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \b\b \b'],
      [1.2, 'o', 'ls -la\r\n'],
    ]);
    expect(lines).toEqual([[1.2, '$ ls -la']]);
  });

  it('has a long line in one piece', async () => {
    const long = 'word '.repeat(30).trim();
    expect(await linesOf([[1, 'o', `${long}\r\n`]])).toEqual([[1, long]]);
  });

  it('has what a full-screen program showed before it went away', async () => {
    const lines = await linesOf([
      [1, 'o', '\u001b[?1049h\u001b[2J\u001b[2;3Hsecret in vim'],
      [5, 'o', '\u001b[2J\u001b[1;1Hanother page'],
      [9, 'o', '\u001b[?1049l$ '],
    ]);
    expect(lines.map(([, text]) => text.trim())).toEqual(['secret in vim', 'another page', '$']);
  });

  it('has what a command without a terminal wrote, line by line', async () => {
    const lines = await linesOf([[1, 'o', 'one\ntwo\n']], { drawbridge: { pty: false } });
    expect(lines.map(([, text]) => text)).toEqual(['one', 'two']);
  });
});

describe('binary output in a recording', () => {
  it('is not drawn, and text beside it is', async () => {
    const lines = await linesOf([
      [1, 'o', 'before\r\n'],
      [2, 'o', `${'\u0000\u0001\ufffd'.repeat(2_000)}hidden\r\n`],
      [3, 'o', `${'caf\ufffd and plain words '.repeat(100)}\r\n`],
      [4, 'o', 'after\r\n'],
    ]);
    const text = lines.map(([, line]) => line).join('\n');
    expect(text).toContain('before');
    expect(text).not.toContain('hidden');
    expect(text).toContain('plain words');
    expect(text).toContain('after');
  });
});

describe('the keyframes of a recording', () => {
  const long: Event[] = Array.from({ length: 2000 }, (_, n) => [
    n / 4,
    'o',
    `\u001b[3${n % 8}mline ${n} ${'x'.repeat(400)}\u001b[0m\r\n`,
  ]);

  it('cut it into segments that follow one another without a gap', async () => {
    const path = cast(long);
    const segments = await indexed(path);
    expect(segments.length).toBeGreaterThan(2);
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1];
      if (next !== undefined) expect(segment.next).toEqual(next.keyframe);
      expect(segment.endBytes).toBe(next?.keyframe.offsetBytes ?? (await wholeLinesSize(path)));
    }
    expect(segments.at(-1)?.endS).toBe(long.at(-1)?.[0]);
  });

  it('are few in what is not text: the raw bytes are passed over, and what shows beside them is there', async () => {
    const recorder = Recorder.create(
      join(temporaryDirectory(), 's-1.cast'),
      castHeader({ width: 40, height: 5 }),
      { clock: systemClock, pty: false },
    );
    for (let n = 0; n < 64; n++) {
      recorder.output(Buffer.alloc(32 * 1024, n % 2 === 0 ? 0 : 0xff));
      recorder.output(Buffer.from(`after piece ${n}\n`));
    }
    await recorder.close();
    const segments = await indexed(recorder.path);
    expect(segments).toHaveLength(1);
    expect(segments[0]?.endBytes).toBe(await wholeLinesSize(recorder.path));
    const texts = segments.flatMap(({ chunks }) =>
      chunks.flatMap(({ lines }) => lines.map(([, text]) => text)),
    );
    expect(texts).toContain('[32768 bytes that are not text]');
    expect(texts.filter((text) => text.startsWith('after piece'))).toHaveLength(64);
  });

  it('let the work go on where it was left, with the same result', async () => {
    const path = cast(long);
    const whole = await indexed(path);
    const resumed = await indexed(path, whole[1]?.keyframe);
    expect(resumed).toEqual(whole.slice(1));
  });

  it('leave no pause out, not even between two segments, and none that is short', async () => {
    const slow = long.map(([time, code, text], n): Event => [time + Math.floor(n / 500) * 100, code, text]);
    slow.splice(3, 0, [1.1, 'm', 'a mark shows nothing']);
    const segments = await indexed(cast(slow));
    expect(segments.flatMap(({ pauses }) => pauses)).toEqual([
      [124.75, 225],
      [349.75, 450],
      [574.75, 675],
    ]);
  });

  it('do not stand in the middle of a control sequence', async () => {
    const split: Event[] = long.flatMap(([time, code, text]): Event[] => [
      [time, code, text.slice(0, 2)],
      [time, code, text.slice(2)],
    ]);
    const whole = await indexed(cast(long));
    const parted = await indexed(cast(split));
    const shown = (segments: IndexSegment[]) =>
      segments.flatMap(({ chunks }) => chunks.flatMap(({ lines }) => lines));
    expect(new Set(shown(parted).map(([, text]) => text))).toEqual(
      new Set(shown(whole).map(([, text]) => text)),
    );
  });

  it('come of resized terminals, too', async () => {
    const events: Event[] = [...long.slice(0, 1200), [310, 'r', '100x30'], ...long.slice(1300)];
    const sizes = new Set(
      (await indexed(cast(events))).map(({ keyframe }) => `${keyframe.cols}x${keyframe.rows}`),
    );
    expect(sizes).toEqual(new Set(['40x5', '100x30']));
  });

  it('are refused of a file that is no recording', async () => {
    const path = join(temporaryDirectory(), 'x.cast');
    writeFileSync(path, '{"version":2,"width":80,"height":24}\nnot an event\n');
    await expect(indexed(path)).rejects.toMatchObject({ code: 'recording.malformed' });
  });
});

describe('an event of raw bytes', () => {
  it.each(['[0.000001, "b", "AAAA"]', '[12.5, "bi", ""]'])('is known by how it begins: %s', (line) => {
    expect(isBytesEvent(Buffer.from(line))).toBe(true);
  });

  it.each(['[0.1, "o", "b"]', '[0.1, "o", "[1.0, \\"b\\", \\""]', '[1, "x", "0"]', '{"b": 1}', ''])(
    'is nothing else: %s',
    (line) => {
      expect(isBytesEvent(Buffer.from(line))).toBe(false);
    },
  );
});
