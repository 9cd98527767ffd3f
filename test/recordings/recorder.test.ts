import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawOutput, readCast } from '../../recordings/cast-reader.ts';
import { digestFile } from '../../recordings/digest.ts';
import { type CastEvent, EVENT_LIMIT_BYTES } from '../../recordings/format.ts';
import { Recorder, type RecorderOptions } from '../../recordings/recorder.ts';
import { SyncSchedule } from '../../recordings/sync-schedule.ts';
import { systemClock } from '../../shared/clock.ts';
import { type DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import { castHeader } from '../support/cast-header.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createTemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

function start(options: Partial<RecorderOptions> = {}, folder = temporaryDirectory()) {
  const clock = new FakeClock();
  const path = join(folder, 'recordings', 'a.cast');
  const recorder = Recorder.create(path, castHeader(), { clock, pty: true, ...options });
  return { clock, path, recorder };
}

async function eventsOf(path: string): Promise<CastEvent[]> {
  const events: CastEvent[] = [];
  for await (const item of readCast(path)) if (item.kind === 'event') events.push(item);
  return events;
}

async function rawOf(path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of rawOutput(path)) parts.push(part);
  return Buffer.concat(parts);
}

/** Bytes as programs print them: text, escapes, characters of every length, garbage; cut anywhere. */
const chunksOfBytes = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text)),
    fc.constantFrom(
      ...['é', '☃', '𝄞', '\u001b[1m"\\\r\n', '\u0000', '\u007f\u2028'].flatMap((text) => {
        const bytes = Buffer.from(text);
        return [bytes, bytes.subarray(0, 1), bytes.subarray(1), bytes.subarray(0, bytes.length - 1)];
      }),
      Buffer.from([0xf4, 0x90]),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from([0xc0, 0x80]),
    ),
  ),
  { maxLength: 30 },
);

describe('Recorder', () => {
  it('has written what it gives back before it gives it back', () => {
    const { recorder, path } = start();
    const released = recorder.output(Buffer.from('hello\r\n'));
    expect(released.toString()).toBe('hello\r\n');
    expect(readFileSync(path, 'utf8')).toContain('[0.000000, "o", "hello\\r\\n"]\n');
  });

  it('keeps file and folder for its own account only', () => {
    const { path } = start();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
  });

  it('writes an asciicast v2 header that names who, where and how', async () => {
    const { path, recorder } = start();
    await recorder.close();
    const [line = ''] = readFileSync(path, 'utf8').split('\n');
    expect(JSON.parse(line)).toMatchObject({
      version: 2,
      width: 80,
      height: 24,
      timestamp: 1_900_000_000,
      drawbridge: { session: 's-1', operator: 'alice', host: 'web-1', login: 'deploy', pty: true },
    });
  });

  it('gives a terminal of unknown size the usual one, since players need one', () => {
    const folder = temporaryDirectory();
    const path = join(folder, 'zero.cast');
    Recorder.create(path, castHeader({ width: 0, height: 0 }), { clock: new FakeClock(), pty: true });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ width: 80, height: 24 });
  });

  it('refuses to start over an existing file and leaves it as it is', () => {
    const { path, clock } = start();
    const before = readFileSync(path);
    expect(() => Recorder.create(path, castHeader(), { clock, pty: true })).toThrow(
      expect.objectContaining({ code: 'recording.failed' }),
    );
    expect(readFileSync(path)).toEqual(before);
  });

  it('writes times from the monotonic clock, in microseconds, whatever the calendar does', async () => {
    const { recorder, path, clock } = start();
    clock.advance(1.25);
    clock.jumpTo(0);
    recorder.output(Buffer.from('x'));
    expect((await eventsOf(path))[0]?.time).toBe(0.00125);
  });

  it('records resizes, markers and, last of all, the exit status', async () => {
    const { recorder, path, clock } = start();
    recorder.resize(120, 40);
    recorder.marker('policy changed');
    recorder.exit({ code: 42 });
    recorder.output(Buffer.from('late'));
    clock.advance(1500);
    const digest = await recorder.close();
    const events = (await eventsOf(path)).map(({ code, data }) => [code, data]);
    expect(events).toEqual([
      ['r', '120x40'],
      ['m', 'policy changed'],
      ['o', 'late'],
      ['x', '42'],
    ]);
    expect(digest).toEqual({ ...(await digestFile(path)), durationMs: 1500, complete: true });
  });

  it.each([
    [{ signal: 'TERM' }, 'SIGTERM'],
    [{ signal: 'SIGKILL' }, 'SIGKILL'],
    [{}, 'none'],
  ])('writes exit status %j as %s', async (status, data) => {
    const { recorder, path } = start();
    recorder.exit(status);
    await recorder.close();
    expect((await eventsOf(path)).at(-1)).toMatchObject({ code: 'x', data });
  });

  it('gives the same digest to everyone who closes it', async () => {
    const { recorder } = start();
    expect(await recorder.close()).toEqual(await recorder.close());
  });

  it('releases nothing once it is closed', async () => {
    const { recorder } = start();
    await recorder.close();
    expect(() => recorder.output(Buffer.from('x'))).toThrow(
      expect.objectContaining({ code: 'recording.failed' }),
    );
    expect(() => recorder.output(Buffer.from([0xc3]))).toThrow();
  });

  it('takes the written part into a digest every second', async () => {
    const { recorder, path, clock } = start();
    recorder.output(Buffer.from('x'.repeat(1000)));
    clock.advance(1000);
    await waitFor(() => recorder.partialDigest.sizeBytes > 0);
    expect(recorder.partialDigest).toEqual(await digestFile(path));
    await recorder.close();
  });

  it('stops all its timers when it is closed', async () => {
    const { recorder, clock } = start();
    recorder.output(Buffer.from([0x41, 0xc3]));
    await recorder.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('shares one timer with the other recordings of a schedule', async () => {
    const clock = new FakeClock();
    const sync = new SyncSchedule(clock);
    const folder = temporaryDirectory();
    const recorders = [1, 2, 3].map((n) =>
      Recorder.create(join(folder, `${n}.cast`), castHeader(), { clock, pty: true, sync }),
    );
    expect(clock.pendingTimers).toBe(1);
    await Promise.all(recorders.map((recorder) => recorder.close()));
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('Recorder with a terminal', () => {
  it('holds the beginning of a character back from file and operator until its rest comes', () => {
    const { recorder, path, clock } = start();
    const sizeBytes = recorder.sizeBytes;
    expect(recorder.output(Buffer.from([0xe2, 0x98]))).toHaveLength(0);
    expect(recorder.sizeBytes).toBe(sizeBytes);
    expect(recorder.output(Buffer.from([0x83])).toString()).toBe('☃');
    expect(readFileSync(path, 'utf8')).toMatch(/, "o", "☃"\]\n$/);
    clock.advance(100);
    expect(readFileSync(path, 'utf8')).toMatch(/, "o", "☃"\]\n$/);
  });

  it('releases it after 20 ms when no rest comes, recorded as it is', async () => {
    const released: Buffer[] = [];
    const { recorder, path, clock } = start({ onHeldRelease: (chunk) => released.push(chunk) });
    recorder.output(Buffer.from([0x41, 0xe2, 0x98]));
    clock.advance(19);
    expect(released).toEqual([]);
    clock.advance(1);
    expect(released).toEqual([Buffer.from([0xe2, 0x98])]);
    expect(await rawOf(path)).toEqual(Buffer.from([0x41, 0xe2, 0x98]));
  });

  it('releases it when the recording is closed', async () => {
    const released: Buffer[] = [];
    const { recorder, path } = start({ onHeldRelease: (chunk) => released.push(chunk) });
    recorder.output(Buffer.from([0xe2]));
    await recorder.close();
    expect(released).toEqual([Buffer.from([0xe2])]);
    expect(await rawOf(path)).toEqual(Buffer.from([0xe2]));
  });

  it('gives back every byte in order, and the recording gives back the same', async () => {
    await fc.assert(
      fc.asyncProperty(chunksOfBytes, fc.infiniteStream(fc.nat(12)), async (chunks, waits) => {
        const { path: folder, remove } = createTemporaryDirectory();
        try {
          const released: Buffer[] = [];
          const { recorder, path, clock } = start(
            { onHeldRelease: (chunk) => released.push(Buffer.from(chunk)) },
            folder,
          );
          for (const chunk of chunks) {
            released.push(Buffer.from(recorder.output(chunk)));
            expect(await rawOf(path)).toEqual(Buffer.concat(released));
            clock.advance(waits.next().value ?? 0);
          }
          await recorder.close();
          expect(Buffer.concat(released)).toEqual(Buffer.concat(chunks));
          expect(await rawOf(path)).toEqual(Buffer.concat(chunks));
        } finally {
          remove();
        }
      }),
      { numRuns: 150 },
    );
  });

  it('shows text exactly, however it was cut into chunks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.nat(7), async (text, step) => {
        const { path: folder, remove } = createTemporaryDirectory();
        try {
          const { recorder, path } = start({}, folder);
          const bytes = Buffer.from(text);
          for (let at = 0; at < bytes.length; at += step + 1) {
            recorder.output(bytes.subarray(at, at + step + 1));
          }
          await recorder.close();
          const events = await eventsOf(path);
          expect(
            events
              .filter(({ code }) => code === 'o')
              .map(({ data }) => data)
              .join(''),
          ).toBe(text);
          expect(events.some(({ code }) => code === 'b')).toBe(false);
        } finally {
          remove();
        }
      }),
      { numRuns: 150 },
    );
  });

  it('cuts a large chunk into events of bounded size, at whole characters', async () => {
    const { recorder, path } = start();
    const bytes = Buffer.from('☃'.repeat(EVENT_LIMIT_BYTES));
    recorder.output(bytes);
    const events = await eventsOf(path);
    expect(events.length).toBeGreaterThan(2);
    expect(
      events.every(({ code, data }) => code === 'o' && Buffer.byteLength(data) <= EVENT_LIMIT_BYTES),
    ).toBe(true);
    expect(await rawOf(path)).toEqual(bytes);
  });

  it('records a chunk of control characters that fills its buffer several times', async () => {
    const { recorder, path } = start();
    const bytes = Buffer.alloc(200_000, 1);
    expect(recorder.output(bytes)).toEqual(bytes);
    expect(await rawOf(path)).toEqual(bytes);
  });
});

describe('Recorder without a terminal', () => {
  it('holds nothing back and still shows split characters whole', async () => {
    const { recorder, path } = start({ pty: false });
    for (const byte of Buffer.from('a☃b')) expect(recorder.output(Buffer.from([byte]))).toHaveLength(1);
    const shown = (await eventsOf(path)).filter(({ code }) => code === 'o').map(({ data }) => data);
    expect(shown.join('')).toBe('a☃b');
    expect(await rawOf(path)).toEqual(Buffer.from('a☃b'));
  });

  it('keeps what is not text as Base64 beside one line that counts it', async () => {
    const { recorder, path } = start({ pty: false });
    recorder.output(Buffer.from([0, 1, 2, 0xff]));
    expect((await eventsOf(path)).map(({ code, data }) => [code, data])).toEqual([
      ['b', 'AAEC/w=='],
      ['o', '[4 bytes that are not text]\n'],
    ]);
  });

  it('records error output in the order of arrival, with characters of its own', async () => {
    const { recorder, path } = start({ pty: false });
    recorder.output(Buffer.from([0xe2, 0x98]));
    recorder.stderr(Buffer.from('oops\n'));
    recorder.output(Buffer.from([0x83]));
    const shown = (await eventsOf(path)).filter(({ code }) => code === 'o').map(({ data }) => data);
    expect(shown.join('')).toBe('oops\n☃');
    expect(await rawOf(path)).toEqual(Buffer.from([0xe2, 0x98, ...Buffer.from('oops\n'), 0x83]));
  });

  it('gives back every byte from the recording, for any bytes on both outputs', async () => {
    await fc.assert(
      fc.asyncProperty(chunksOfBytes, fc.infiniteStream(fc.boolean()), async (chunks, errors) => {
        const { path: folder, remove } = createTemporaryDirectory();
        try {
          const { recorder, path } = start({ pty: false }, folder);
          for (const chunk of chunks) {
            const released = errors.next().value === true ? recorder.stderr(chunk) : recorder.output(chunk);
            expect(released).toEqual(chunk);
          }
          expect(await rawOf(path)).toEqual(Buffer.concat(chunks));
          await recorder.close();
          expect(await rawOf(path)).toEqual(Buffer.concat(chunks));
        } finally {
          remove();
        }
      }),
      { numRuns: 150 },
    );
  });

  it('records input, when asked to, without mixing it into the output', async () => {
    const { recorder, path } = start({ pty: true });
    recorder.input(Buffer.from([0x6c, 0x73, 0x0d, 0xff]));
    expect(await rawOf(path)).toHaveLength(0);
    const events = (await eventsOf(path)).map(({ code, data }) => [code, data]);
    expect(events).toEqual([
      ['bi', Buffer.from([0x6c, 0x73, 0x0d, 0xff]).toString('base64')],
      ['i', 'ls\r\ufffd'],
    ]);
  });
});

describe('A recording that fails', () => {
  it('ends at its limit with exactly what was released, and stays failed', async () => {
    const { recorder, path } = start({ limitBytes: 1000 });
    const released: Buffer[] = [];
    expect(() => {
      while (true) released.push(recorder.output(Buffer.from('0123456789')));
    }).toThrow(expect.objectContaining({ code: 'recording.failed' }));
    expect(released.length).toBeGreaterThan(5);
    expect(await rawOf(path)).toEqual(Buffer.concat(released));
    expect(() => recorder.output(Buffer.from('x'))).toThrow();
    expect(() => recorder.resize(80, 24)).toThrow();
    const digest = await recorder.close();
    expect(digest).toMatchObject({ complete: false, ...(await digestFile(path)) });
    expect(isDrawbridgeError(digest.failure, 'recording.failed')).toBe(true);
  });

  it('takes back the written part of a chunk that did not fit', async () => {
    const { recorder, path } = start({ limitBytes: 300_000 });
    const before = recorder.sizeBytes;
    expect(() => recorder.output(Buffer.alloc(200_000, 1))).toThrow();
    expect(statSync(path).size).toBe(before);
    expect((await recorder.close()).sizeBytes).toBe(before);
  });

  it('drops the held beginning of a character and tells its viewers', () => {
    const released: Buffer[] = [];
    const { recorder, clock } = start({ limitBytes: 1000, onHeldRelease: (chunk) => released.push(chunk) });
    const seen: boolean[] = [];
    recorder.subscribe(({ ended }) => seen.push(ended));
    recorder.output(Buffer.from([0xe2]));
    expect(() => recorder.output(Buffer.alloc(2000, 0x41))).toThrow();
    clock.advance(1000);
    expect(released).toEqual([]);
    expect(seen.at(-1)).toBe(true);
  });

  it('says so when a late release cannot be recorded, and releases nothing', () => {
    const failures: DrawbridgeError[] = [];
    const released: Buffer[] = [];
    const probe = start().recorder.sizeBytes;
    const { recorder, clock } = start({
      limitBytes: probe + 10,
      onFailure: (error) => failures.push(error),
      onHeldRelease: (chunk) => released.push(chunk),
    });
    recorder.output(Buffer.from([0xe2]));
    clock.advance(20);
    expect(released).toEqual([]);
    expect(failures.map(({ code }) => code)).toEqual(['recording.failed']);
  });

  it('says so when its folder cannot be brought to the disk, and records no more', async () => {
    const failures: DrawbridgeError[] = [];
    const { recorder, clock, path } = start({ onFailure: (error) => failures.push(error) });
    rmSync(join(path, '..'), { recursive: true });
    clock.advance(1000);
    await waitFor(() => failures.length > 0);
    expect(failures.map(({ code }) => code)).toEqual(['recording.failed']);
    expect(() => recorder.output(Buffer.from('x'))).toThrow(failures[0]);
    expect(await recorder.close()).toMatchObject({ complete: false, failure: failures[0] });
    clock.advance(5000);
    expect(failures).toHaveLength(1);
  });

  it('refuses more viewers than it allows', async () => {
    const { recorder } = start({ clock: systemClock });
    expect(() => {
      for (let n = 0; n < 1000; n++) recorder.subscribe(() => {});
    }).toThrow(expect.objectContaining({ code: 'recording.too_many_viewers' }));
    await recorder.close();
  });
});
