import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { searchRecording, searchScreens, typedCommands } from '../../../bastion/search/recording-search.ts';
import type { RecordingSubject } from '../../../bastion/search/recording-subject.ts';
import { keyframeAt, replayIndex, replaySegment } from '../../../bastion/search/replay.ts';
import { SEARCH_MIGRATIONS } from '../../../bastion/search/search-schema.ts';
import { SearchStore } from '../../../bastion/search/search-store.ts';
import { matchExpression, wordsOf } from '../../../bastion/search/search-words.ts';
import { indexRecording } from '../../../recordings/indexing/index-recording.ts';
import { Screen } from '../../../recordings/screen/screen.ts';
import { silentLogger } from '../../../shared/log.ts';
import { Database } from '../../../shared/store/database.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

type Event = readonly [number, string, string];

describe('the search index', () => {
  let folder: string;
  let store: SearchStore;

  beforeEach(async () => {
    folder = temporaryDirectory();
    store = await SearchStore.open(join(folder, 'search.db'), silentLogger());
    onTestFinished(() => store.close());
  });

  async function add(
    session: string,
    events: readonly Event[],
    about: Partial<RecordingSubject> = {},
  ): Promise<RecordingSubject & { path: string }> {
    const path = join(folder, `${session}.cast`);
    const lines = [{ version: 2, width: 60, height: 10 }, ...events].map((line) => JSON.stringify(line));
    writeFileSync(path, `${lines.join('\n')}\n`);
    const subject = {
      session,
      channel: 1,
      startedAt: '2030-01-02T03:04:05.000Z',
      operator: 'alice',
      host: 'web-1',
      login: 'deploy',
      ...about,
    };
    const indexed = await store.begin(subject);
    for await (const segment of indexRecording(path, { endBytes: readFileSync(path).length })) {
      await store.storeSegment(indexed, subject, segment);
    }
    await store.settle(indexed, 'done');
    return { ...subject, path };
  }

  const found = async (text: string, filter: object = {}) =>
    (await searchScreens(store, { text, limit: 50, ...filter })).found.map(({ session }) => session);

  it('finds a session by what its screen showed, with the line and the time', async () => {
    await add('s-1', [
      [1, 'o', '$ systemctl restart nginx\r\n'],
      [4.5, 'o', 'Job for nginx.service failed: permission denied\r\n'],
    ]);
    await add('s-2', [[1, 'o', 'nothing of that\r\n']]);
    const { found: sessions, complete } = await searchScreens(store, {
      text: 'nginx.service FAILED',
      limit: 10,
    });
    expect(complete).toBe(true);
    expect(sessions).toEqual([
      {
        session: 's-1',
        hits: [{ channel: 1, timeS: 4.5, text: 'Job for nginx.service failed: permission denied' }],
      },
    ]);
  });

  it('lists what was typed in a recording, once however often a segment is stored, until it is removed', async () => {
    const events: Event[] = [
      [1, 'o', 'deploy@web-1:~$ '],
      [2, 'o', 'uptime'],
      [2.5, 'o', '\r\n'],
    ];
    await add('s-1', events);
    await add('s-1', events);
    const recording = { session: 's-1', channel: 1 };
    expect(await typedCommands(store, recording)).toEqual({
      commands: [{ channel: 1, timeS: 2.5, text: 'uptime' }],
      complete: true,
    });
    await store.remove('s-1', 1);
    expect(await typedCommands(store, recording)).toEqual({ commands: [], complete: false });
  });

  it('is emptied, to be made anew, when it is from before commands were in it', async () => {
    const path = join(folder, 'older.db');
    const older = await Database.open(path, {
      migrations: SEARCH_MIGRATIONS.slice(0, 1),
      synchronous: 'NORMAL',
    });
    await older.run(
      "INSERT INTO indexed_recordings (session, channel, started_s, state) VALUES ('s-1', 1, 1, 'done')",
    );
    await older.run("INSERT INTO chunks VALUES (1048576, 1, 0, x'00')");
    await older.run("INSERT INTO screen_text (rowid, about, shown) VALUES (1048576, 's-1', 'words')");
    await older.close();
    const newer = await SearchStore.open(path, silentLogger());
    onTestFinished(() => newer.close());
    expect(await newer.settled()).toEqual(new Set());
    expect((await searchScreens(newer, { text: 'words', limit: 10 })).found).toEqual([]);
  });

  it('finds without regard to case and accents, and by operator, host and command', async () => {
    await add('s-1', [[1, 'o', 'Größe geändert\r\n']], { command: 'df -h' });
    expect(await found('grosse')).toEqual([]);
    for (const text of ['größe', 'geändert', 'geandert', 'alice web-1', 'df']) {
      expect({ text, sessions: await found(text) }).toEqual({ text, sessions: ['s-1'] });
    }
  });

  it('can be narrowed to an operator, a host and a time', async () => {
    await add('s-1', [[1, 'o', 'needle\r\n']], { startedAt: '2030-01-01T00:00:00.000Z' });
    await add('s-2', [[1, 'o', 'needle\r\n']], { startedAt: '2030-02-01T00:00:00.000Z', operator: 'bob' });
    await add('s-3', [[1, 'o', 'needle\r\n']], { startedAt: '2030-03-01T00:00:00.000Z', host: 'db-1' });
    expect(await found('needle')).toEqual(['s-3', 's-2', 's-1']);
    expect(await found('needle', { operator: 'bob' })).toEqual(['s-2']);
    expect(await found('needle', { operator: 'bo' })).toEqual([]);
    expect(await found('needle', { host: 'web-1' })).toEqual(['s-2', 's-1']);
    expect(await found('needle', { from: '2030-02-01T00:00:00Z' })).toEqual(['s-3', 's-2']);
    expect(await found('needle', { to: '2030-02-01T00:00:00Z' })).toEqual(['s-2', 's-1']);
  });

  it('goes on to older sessions behind one that has the word in more places than are read at once', async () => {
    await add('s-old', [[1, 'o', 'the error of yesterday\r\n']], { startedAt: '2030-01-01T00:00:00.000Z' });
    const subject = {
      session: 's-long',
      channel: 1,
      startedAt: '2030-01-02T00:00:00.000Z',
      operator: 'alice',
      host: 'web-1',
      login: 'deploy',
    };
    const chunks = Array.from({ length: 600 }, (_, n) => ({
      startS: n,
      lines: [[n, `error number ${n}`]] as const,
    }));
    await store.storeSegment(await store.begin(subject), subject, {
      keyframe: { startS: 0, offsetBytes: 100, cols: 80, rows: 24, screen: '' },
      endBytes: 1000,
      endS: 600,
      chunks,
      markers: [],
      pauses: [],
      commands: [],
    });
    const all = await searchScreens(store, { text: 'error', limit: 10 });
    expect(all.found.map(({ session }) => session)).toEqual(['s-long', 's-old']);
    expect(all.found[0]?.hits).toEqual([{ channel: 1, timeS: 0, text: 'error number 0' }]);
    expect(all.complete).toBe(true);
    // Just as many as there are is all of them.
    expect(await searchScreens(store, { text: 'error', limit: 2 })).toMatchObject({ complete: true });
    const newest = await searchScreens(store, { text: 'error', limit: 1 });
    expect(newest.found.map(({ session }) => session)).toEqual(['s-long']);
    expect(newest.complete).toBe(false);
  });

  it('finds every place in one recording', async () => {
    const recording = await add(
      's-1',
      Array.from(
        { length: 100 },
        (_, n): Event => [n, 'o', n % 10 === 3 ? `error number ${n}\r\n` : `fine ${n}\r\n`],
      ),
    );
    const { hits, complete } = await searchRecording(store, recording, 'error');
    expect(complete).toBe(true);
    expect(hits.map(({ timeS }) => timeS)).toEqual([3, 13, 23, 33, 43, 53, 63, 73, 83, 93]);
  });

  it('shows of one recording only lines with the most of the words, wherever in it others are near each other', async () => {
    const lineAt = (n: number): string => {
      if (n === 3) return 'zebra alone';
      return n === 2_500 ? 'needle and zebra' : `needle ${n}`;
    };
    const recording = await add(
      's-1',
      Array.from({ length: 3_000 }, (_, n): Event => [n, 'o', `${lineAt(n)}\r\n`]),
    );
    const { hits } = await searchRecording(store, recording, 'zebra needle');
    expect(hits.map(({ text }) => text)).toEqual(['needle and zebra']);
  });

  it('takes whatever people type as words, and none of it as an expression', async () => {
    await add('s-1', [[1, 'o', 'plain text\r\n']]);
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.string({ maxLength: 40 }),
          fc.constantFrom('"', 'a OR b', 'NEAR(x', 'about:', '*', "'", '^a', '-a', '{a}:b'),
        ),
        async (text) => {
          const result = await searchScreens(store, { text, limit: 5 });
          expect(Array.isArray(result.found)).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
    expect(matchExpression(wordsOf('x" OR "text'))).not.toContain('" OR "');
    expect((await searchScreens(store, { text: 'some\0text', limit: 10 })).complete).toBe(true);
  });

  it('forgets a recording that was deleted', async () => {
    await add('s-1', [[1, 'o', 'needle\r\n']]);
    await store.remove('s-1', 1);
    expect(await found('needle')).toEqual([]);
    expect(await store.find('s-1', 1)).toBeUndefined();
  });

  it('is made anew when its file is damaged', async () => {
    const path = join(folder, 'other.db');
    writeFileSync(path, Buffer.alloc(8192, 'not a database'));
    const other = await SearchStore.open(path, silentLogger());
    expect(await other.settled()).toEqual(new Set());
    await other.close();
  });

  it('replays each segment to the very screen that the whole recording comes to', async () => {
    const events = Array.from(
      { length: 2500 },
      (_, n): Event => [
        n / 5,
        'o',
        `\u001b[${(n % 10) + 1};${(n % 7) + 1}H\u001b[3${n % 8}mrow ${n} ${'y'.repeat(n % 40)}\u001b[K${'\u001b[0m'.repeat(90)}`,
      ],
    );
    const recording = await add('s-1', events);
    const index = await replayIndex(store, 's-1', 1);
    expect(index.segments.length).toBeGreaterThan(2);
    expect(index.duration).toBe(events.at(-1)?.[0]);
    const whole = new Screen({ cols: 60, rows: 10 });
    for (const { number, start } of index.segments) {
      const { snapshot, events: own } = await replaySegment(store, recording, number);
      expect(own[0]?.[0]).toBe(start);
      const resumed = new Screen(snapshot);
      resumed.write(snapshot.init);
      for (const [, , data] of own) {
        resumed.write(data);
        whole.write(data);
      }
      await Promise.all([resumed.settled(), whole.settled()]);
      expect(resumed.dump()).toBe(whole.dump());
      resumed.close();
    }
    whole.close();
    expect(await keyframeAt(store, recording, 0)).toBeUndefined();
    expect((await keyframeAt(store, recording, 1_000_000))?.offsetBytes).toBeGreaterThan(400_000);
  });

  it('replays by times without the long pauses, the same in the index and in each segment', async () => {
    const events = Array.from(
      { length: 2000 },
      (_, n): Event => [n / 10 + Math.floor(n / 500) * 3_600, 'o', `line ${n} ${'y'.repeat(600)}\r\n`],
    );
    const recording = await add('s-1', events);
    const { duration, segments, pauses } = await replayIndex(store, 's-1', 1, 1);
    expect(pauses).toHaveLength(3);
    expect(duration).toBeCloseTo(199.9 + 3 * (1 - 0.1), 6);
    expect(segments.length).toBeGreaterThan(2);
    const times: number[] = [];
    for (const { number, start } of segments) {
      const { events: own } = await replaySegment(store, recording, number, 1);
      expect(own[0]?.[0]).toBe(start);
      times.push(...own.map(([at]) => at));
    }
    times.forEach((at, index) => {
      expect(at).toBeGreaterThanOrEqual(times[index - 1] ?? 0);
      expect(at - (times[index - 1] ?? 0)).toBeLessThanOrEqual(1.000_001);
    });
    expect(times.at(-1)).toBe(duration);
  });

  it('says so when a recording has not been read yet', async () => {
    mkdirSync(join(folder, 'x'));
    await expect(replayIndex(store, 's-none', 1)).rejects.toMatchObject({ code: 'recording.not_indexed' });
  });
});
