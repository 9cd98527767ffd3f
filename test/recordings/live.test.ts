import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCast } from '../../recordings/cast-reader.ts';
import type { Keyframe } from '../../recordings/indexing/index-format.ts';
import { indexRecording } from '../../recordings/indexing/index-recording.ts';
import { type KeyframeAt, type LiveRecordingEvent, liveRecording } from '../../recordings/live.ts';
import { Recorder } from '../../recordings/recorder.ts';
import { Screen } from '../../recordings/screen/screen.ts';
import { systemClock } from '../../shared/clock.ts';
import { castHeader } from '../support/cast-header.ts';
import { heldBytes } from '../support/heap.ts';
import { createTemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

function start(folder = temporaryDirectory()): Recorder {
  return Recorder.create(join(folder, 'a.cast'), castHeader(), { clock: systemClock, pty: true });
}

async function watch(recorder: Recorder, signal?: AbortSignal): Promise<LiveRecordingEvent[]> {
  const seen: LiveRecordingEvent[] = [];
  for await (const event of liveRecording(recorder.path, recorder, signal)) seen.push(event);
  return seen;
}

async function wholeFile(path: string): Promise<LiveRecordingEvent[]> {
  const items: LiveRecordingEvent[] = [];
  for await (const item of readCast(path)) items.push(item);
  return [...items, { kind: 'end' }];
}

/** The screen that these events leave behind. */
async function shownAfter(events: readonly LiveRecordingEvent[]): Promise<string> {
  const { width, height } = castHeader();
  const screen = new Screen({ cols: width, rows: height });
  for (const event of events) {
    if (event.kind === 'event' && event.code === 'o') screen.write(event.data);
  }
  await screen.settled();
  const dump = screen.dump();
  screen.close();
  return dump;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('liveRecording', () => {
  it('gives the same as the file to viewers who come at any time', async () => {
    const writes = fc.array(
      fc.record({ text: fc.string({ maxLength: 200 }), turns: fc.nat(3), join: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(writes, async (steps) => {
        const { path: folder, remove } = createTemporaryDirectory();
        try {
          const recorder = start(folder);
          const viewers = [watch(recorder)];
          for (const { text, turns, join: joins } of steps) {
            if (joins) viewers.push(watch(recorder));
            recorder.output(Buffer.from(text));
            for (let n = 0; n < turns; n++) await turn();
          }
          await recorder.close();
          viewers.push(watch(recorder));
          const expected = await wholeFile(recorder.path);
          for (const seen of await Promise.all(viewers)) expect(seen).toEqual(expected);
        } finally {
          remove();
        }
      }),
      { numRuns: 60 },
    );
  });

  it('shows output as soon as it is recorded', async () => {
    const recorder = start();
    const events = liveRecording(recorder.path, recorder)[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ kind: 'header' });
    const next = events.next();
    recorder.output(Buffer.from('now'));
    expect((await next).value).toMatchObject({ kind: 'event', code: 'o', data: 'now' });
    await recorder.close();
    await events.return?.(undefined);
  });

  it('lets a viewer be slow without keeping anything for them', async () => {
    const recorder = start();
    const events = liveRecording(recorder.path, recorder)[Symbol.asyncIterator]();
    await events.next();
    const before = heldBytes();
    for (let n = 0; n < 2000; n++) recorder.output(Buffer.alloc(32_768, 0x61));
    expect(heldBytes() - before).toBeLessThan(32 * 1024 * 1024);
    await recorder.close();
    let seenBytes = 0;
    for await (const event of { [Symbol.asyncIterator]: () => events }) {
      if (event.kind === 'event' && event.code === 'o') seenBytes += event.data.length;
    }
    expect(seenBytes).toBe(2000 * 32_768);
  });

  it('lets who comes late begin at a keyframe, and shows them the same screen as who was there from the start', async () => {
    const recorder = start();
    const filler = 'The same line of output over and over again.\r\n'.repeat(400);
    for (let n = 0; n < 120; n++) recorder.output(Buffer.from(`\u001b[3${n % 8}mpart ${n}\r\n${filler}`));
    const keyframes: Keyframe[] = [];
    for await (const { next } of indexRecording(recorder.path, { endBytes: recorder.sizeBytes })) {
      if (next !== undefined) keyframes.push(next);
    }
    const keyframeAt: KeyframeAt = async (offsetBytes) =>
      keyframes.filter((keyframe) => keyframe.offsetBytes <= offsetBytes).at(-1);
    const late: LiveRecordingEvent[] = [];
    const watching = (async () => {
      for await (const event of liveRecording(recorder.path, recorder, undefined, keyframeAt))
        late.push(event);
    })();
    await waitFor(() => late.length > 3);
    recorder.output(Buffer.from('and on it goes'));
    await recorder.close();
    await watching;
    const whole = await wholeFile(recorder.path);
    const newest = keyframes.at(-1);
    expect(late.slice(0, 3)).toEqual([
      whole[0],
      expect.objectContaining({ code: 'r', data: `${newest?.cols}x${newest?.rows}` }),
      expect.objectContaining({ code: 'o', data: newest?.screen }),
    ]);
    // From there on it is the file, with nothing twice and nothing left out.
    expect(late.slice(3)).toEqual(whole.slice(3 - late.length));
    expect(late.length).toBeLessThan(whole.length / 2);
    expect(await shownAfter(late)).toBe(await shownAfter(whole));
  });

  it('shows everything to who is behind while there is no keyframe', async () => {
    const recorder = start();
    for (let n = 0; n < 40; n++) recorder.output(Buffer.alloc(64 * 1024, 0x61));
    const watching = (async () => {
      const seen: LiveRecordingEvent[] = [];
      const none: KeyframeAt = async () => undefined;
      for await (const event of liveRecording(recorder.path, recorder, undefined, none)) seen.push(event);
      return seen;
    })();
    await recorder.close();
    expect(await watching).toEqual(await wholeFile(recorder.path));
  });

  it('ends without an end when its signal is aborted while it waits', async () => {
    const recorder = start();
    const abort = new AbortController();
    const seen: LiveRecordingEvent[] = [];
    const watching = (async () => {
      for await (const event of liveRecording(recorder.path, recorder, abort.signal)) seen.push(event);
    })();
    await waitFor(() => seen.length === 1);
    abort.abort();
    await watching;
    expect(seen).toHaveLength(1);
    await recorder.close();
  });

  it('lets go of the recorder when the viewer leaves', async () => {
    const recorder = start();
    for (let n = 0; n < 200; n++) {
      for await (const event of liveRecording(recorder.path, recorder)) {
        if (event.kind === 'header') break;
      }
    }
    await recorder.close();
  });

  it('ends when the recording fails', async () => {
    const recorder = Recorder.create(join(temporaryDirectory(), 'a.cast'), castHeader(), {
      clock: systemClock,
      pty: true,
      limitBytes: 500,
    });
    const watching = watch(recorder);
    await turn();
    expect(() => recorder.output(Buffer.alloc(1000, 0x61))).toThrow();
    expect((await watching).at(-1)).toEqual({ kind: 'end' });
    await recorder.close();
  });

  it('gives a finished file without a recorder', async () => {
    const recorder = start();
    recorder.output(Buffer.from('x'));
    await recorder.close();
    const seen: LiveRecordingEvent[] = [];
    for await (const event of liveRecording(recorder.path)) seen.push(event);
    expect(seen).toEqual(await wholeFile(recorder.path));
  });
});
