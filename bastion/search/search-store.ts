import { rm } from 'node:fs/promises';
import type { IndexSegment, Keyframe } from '../../recordings/indexing/index-format.ts';
import type { Pause } from '../../recordings/pauses.ts';
import { DrawbridgeError, isDrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import { Database, type SqlValue } from '../../shared/store/database.ts';
import { packText, unpackText } from './packed-text.ts';
import { aboutText, type RecordingSubject, secondOf } from './recording-subject.ts';
import { CHUNKS_PER_SECOND, SEARCH_MIGRATIONS } from './search-schema.ts';
import { deleteSegment, insertKeyframe, insertMoments } from './segment-rows.ts';

/** A recording as the index knows it. Times in seconds. */
export interface IndexedRecording {
  readonly id: number;
  readonly session: string;
  readonly channel: number;
  readonly state: 'growing' | 'done' | 'failed';
  /** Up to where it has been read. */
  readonly endBytes: number;
  readonly durationS: number;
}

/** A keyframe and the segment that begins there, without the screen. */
export interface SegmentPlace {
  readonly number: number;
  readonly startS: number;
  readonly offsetBytes: number;
  readonly endBytes: number;
  readonly endS: number;
}

interface RecordingRow {
  readonly id: number;
  readonly session: string;
  readonly channel: number;
  readonly state: IndexedRecording['state'];
  readonly end_bytes: number;
  readonly duration_s: number;
}

interface KeyframeRow {
  readonly number: number;
  readonly start_s: number;
  readonly offset_bytes: number;
  readonly end_bytes: number;
  readonly end_s: number;
  readonly cols: number;
  readonly rows: number;
  readonly screen: Uint8Array;
}

/** Lines of a chunk of text, each with the time in seconds at which it was seen first. */
export type ChunkLines = readonly (readonly [timeS: number, text: string])[];

/** The index of recordings in `search.db`. */
export class SearchStore {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Opens the index. One that is damaged, or was written by another version, is thrown away: it is made again from
   * the recordings.
   */
  static async open(path: string, log: Logger): Promise<SearchStore> {
    const open = () =>
      Database.open(path, { migrations: SEARCH_MIGRATIONS, synchronous: 'NORMAL', disposable: true });
    let database: Database | undefined;
    try {
      database = await open();
      await database.get('SELECT COUNT(*) FROM indexed_recordings');
      return new SearchStore(database);
    } catch (error) {
      const isWorthless =
        isDrawbridgeError(error, 'store.unreadable') || isDrawbridgeError(error, 'store.newer');
      await database?.close();
      if (!isWorthless) throw error;
      log.warn({ err: error }, 'the search index is made anew from the recordings');
      for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { force: true });
      return new SearchStore(await open());
    }
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async find(session: string, channel: number): Promise<IndexedRecording | undefined> {
    const row = await this.#database.get<RecordingRow>(
      'SELECT * FROM indexed_recordings WHERE session = ? AND channel = ?',
      [session, channel],
    );
    return row === undefined ? undefined : recordingOf(row);
  }

  /** `session/channel` of everything that need not be looked at again. */
  async settled(): Promise<Set<string>> {
    const rows = await this.#database.all<{ name: string }>(
      `SELECT session || '/' || channel AS name FROM indexed_recordings WHERE state <> 'growing'`,
    );
    return new Set(rows.map(({ name }) => name));
  }

  /** The row of a recording, made if it is missing. */
  async begin(subject: RecordingSubject): Promise<IndexedRecording> {
    await this.#database.run(
      `INSERT OR IGNORE INTO indexed_recordings (session, channel, started_s, state) VALUES (?, ?, ?, 'growing')`,
      [subject.session, subject.channel, secondOf(subject.startedAt)],
    );
    const found = await this.find(subject.session, subject.channel);
    if (found === undefined) throw new DrawbridgeError('search.failed', 'The search index lost a row.');
    return found;
  }

  /** Stores a segment, and what the next one begins with, in one transaction; replaces what was there of it. */
  async storeSegment(
    recording: IndexedRecording,
    subject: RecordingSubject,
    segment: IndexSegment,
  ): Promise<void> {
    const { keyframe, endBytes, endS, chunks, pauses, next } = segment;
    const screen = await packText(keyframe.screen);
    const nextScreen = next === undefined ? undefined : await packText(next.screen);
    const packed = await Promise.all(chunks.map(({ lines }) => packText(JSON.stringify(lines))));
    const about = aboutText(subject);
    await this.#database.transaction(async (db) => {
      const at = await db.get<{ number: number | null; at: number | null }>(
        'SELECT MAX(number) AS number, MAX(offset_bytes) AS at FROM keyframes WHERE recording = ?',
        [recording.id],
      );
      const isSame = at?.at === keyframe.offsetBytes;
      const number = isSame ? (at?.number ?? 0) : (at?.number ?? -1) + 1;
      if (isSame) await deleteSegment(db, recording.id, number);
      await insertKeyframe(db, recording.id, number, keyframe, { endBytes, endS, screen, pauses });
      if (next !== undefined && nextScreen !== undefined) {
        const empty = { endBytes: next.offsetBytes, endS: next.startS, screen: nextScreen, pauses: [] };
        await insertKeyframe(db, recording.id, number + 1, next, empty);
      }
      let id = await nextChunkId(db, subject.startedAt);
      // Even a recording that showed nothing is found by who, where and what.
      const texts = chunks.length === 0 && number === 0 ? [''] : chunks.map(textOf);
      for (const [index, text] of texts.entries()) {
        await db.run('INSERT INTO chunks VALUES (?, ?, ?, ?)', [
          id,
          recording.id,
          number,
          packed[index] ?? (await packText('[]')),
        ]);
        await db.run('INSERT INTO screen_text (rowid, about, shown) VALUES (?, ?, ?)', [id, about, text]);
        id += 1;
      }
      await insertMoments(db, recording.id, number, segment);
      await db.run(`UPDATE indexed_recordings SET end_bytes = ?, duration_s = ? WHERE id = ?`, [
        next === undefined ? endBytes : next.offsetBytes,
        endS,
        recording.id,
      ]);
    });
  }

  async settle(recording: IndexedRecording, state: 'done' | 'failed', problem?: string): Promise<void> {
    await this.#database.run('UPDATE indexed_recordings SET state = ?, problem = ? WHERE id = ?', [
      state,
      problem ?? null,
      recording.id,
    ]);
  }

  /** Forgets a recording. */
  async remove(session: string, channel: number): Promise<void> {
    await this.#database.transaction(async (db) => {
      const row = await db.get<{ id: number }>(
        'SELECT id FROM indexed_recordings WHERE session = ? AND channel = ?',
        [session, channel],
      );
      if (row === undefined) return;
      await db.run('DELETE FROM screen_text WHERE rowid IN (SELECT id FROM chunks WHERE recording = ?)', [
        row.id,
      ]);
      await db.run('DELETE FROM indexed_recordings WHERE id = ?', [row.id]);
    });
  }

  /** Segments of a recording in order, without their screens; the last may be empty: where the next run begins. */
  async segments(recording: IndexedRecording): Promise<SegmentPlace[]> {
    const rows = await this.#database.all<KeyframeRow>(
      'SELECT number, start_s, offset_bytes, end_bytes, end_s FROM keyframes WHERE recording = ? ORDER BY number',
      [recording.id],
    );
    return rows.map(placeOf);
  }

  async markers(recording: IndexedRecording): Promise<[number, string][]> {
    const rows = await this.#database.all<{ time_s: number; label: string }>(
      'SELECT time_s, label FROM markers WHERE recording = ? ORDER BY time_s',
      [recording.id],
    );
    return rows.map(({ time_s, label }) => [time_s, label]);
  }

  /** Times without output, in order. */
  async pauses(recording: IndexedRecording): Promise<Pause[]> {
    const rows = await this.#database.all<{ pauses: string }>(
      `SELECT pauses FROM keyframes WHERE recording = ? AND pauses <> '[]' ORDER BY number`,
      [recording.id],
    );
    return rows.flatMap(({ pauses }) => JSON.parse(pauses) as Pause[]);
  }

  /** Commands that were typed, as far as the screen showed them; `limit` at most, in order. */
  async commands(recording: IndexedRecording, limit: number): Promise<[number, string][]> {
    const rows = await this.#database.all<{ time_s: number; text: string }>(
      'SELECT time_s, text FROM commands WHERE recording = ? ORDER BY segment, rowid LIMIT ?',
      [recording.id, limit],
    );
    return rows.map(({ time_s, text }) => [time_s, text]);
  }

  /** One keyframe: by number, or the last one at or before a position in the file. */
  async keyframe(
    recording: IndexedRecording,
    which: { readonly number: number } | { readonly beforeBytes: number },
  ): Promise<(SegmentPlace & Keyframe) | undefined> {
    const condition = 'number' in which ? 'number = ?' : 'offset_bytes <= ?';
    const row = await this.#database.get<KeyframeRow>(
      `SELECT * FROM keyframes WHERE recording = ? AND ${condition} ORDER BY number DESC LIMIT 1`,
      [recording.id, 'number' in which ? which.number : which.beforeBytes],
    );
    if (row === undefined) return undefined;
    return { ...placeOf(row), cols: row.cols, rows: row.rows, screen: await unpackText(row.screen) };
  }

  /** Chunks that match an FTS5 expression, newest recording first. */
  async match(
    expression: string,
    options: {
      readonly ids?: readonly [number, number];
      readonly recording?: number;
      readonly limit: number;
    },
  ): Promise<
    { readonly id: number; readonly session: string; readonly channel: number; readonly segment: number }[]
  > {
    const conditions = ['screen_text MATCH ?'];
    const params: SqlValue[] = [expression];
    if (options.ids !== undefined) {
      conditions.push('screen_text.rowid BETWEEN ? AND ?');
      params.push(...options.ids);
    }
    if (options.recording !== undefined) {
      // All of them began at one second, so that they stand together: one walk, and not a question for each.
      const own = 'FROM chunks WHERE recording = ?';
      conditions.push(`screen_text.rowid BETWEEN (SELECT MIN(id) ${own}) AND (SELECT MAX(id) ${own})`);
      conditions.push('chunks.recording = ?');
      params.push(options.recording, options.recording, options.recording);
    }
    const order = options.recording === undefined ? 'DESC' : 'ASC';
    // Never the other way round: the full-text index gives its rows in this order without sorting, and can be left early.
    return this.#database.all(
      `SELECT chunks.id AS id, session, channel, segment FROM screen_text
       CROSS JOIN chunks INDEXED BY chunk_places ON chunks.id = screen_text.rowid
       CROSS JOIN indexed_recordings ON indexed_recordings.id = chunks.recording
       WHERE ${conditions.join(' AND ')} ORDER BY screen_text.rowid ${order} LIMIT ?`,
      [...params, options.limit],
    );
  }

  /** The lines of chunks with the time of each, by chunk; in one go, since each question waits for its turn. */
  async lines(chunks: readonly number[]): Promise<ReadonlyMap<number, ChunkLines>> {
    const rows = await this.#database.all<{ id: number; lines: Uint8Array }>(
      'SELECT id, lines FROM chunks WHERE id IN (SELECT value FROM json_each(?))',
      [JSON.stringify(chunks)],
    );
    const read = async ({ id, lines }: (typeof rows)[number]) =>
      [id, JSON.parse(await unpackText(lines)) as ChunkLines] as const;
    return new Map(await Promise.all(rows.map(read)));
  }
}

async function nextChunkId(db: Database, startedAt: string): Promise<number> {
  const first = secondOf(startedAt) * CHUNKS_PER_SECOND;
  const row = await db.get<{ last: number | null }>(
    'SELECT MAX(id) AS last FROM chunks WHERE id >= ? AND id < ?',
    [first, first + CHUNKS_PER_SECOND],
  );
  return (row?.last ?? first - 1) + 1;
}

function textOf(chunk: { readonly lines: readonly (readonly [number, string])[] }): string {
  return chunk.lines.map(([, text]) => text).join('\n');
}

function recordingOf(row: RecordingRow): IndexedRecording {
  return {
    id: row.id,
    session: row.session,
    channel: row.channel,
    state: row.state,
    endBytes: row.end_bytes,
    durationS: row.duration_s,
  };
}

function placeOf(row: KeyframeRow): SegmentPlace {
  return {
    number: row.number,
    startS: row.start_s,
    offsetBytes: row.offset_bytes,
    endBytes: row.end_bytes,
    endS: row.end_s,
  };
}
