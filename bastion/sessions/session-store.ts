import { isEncryptedCast } from '../../recordings/stored-cast.ts';
import type { Database, SqlValue } from '../../shared/store/database.ts';
import type {
  RecordingSummary,
  SessionNames,
  SessionQuery,
  SessionState,
  SessionSummary,
} from '../service.ts';

interface SessionRow {
  readonly id: string;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly source: string | null;
  readonly state: SessionState;
  readonly started_at: string;
  readonly ended_at: string | null;
  readonly end_reason: string | null;
  readonly bytes_in: number;
  readonly bytes_out: number;
}

interface RecordingRow {
  readonly session: string;
  readonly channel: number;
  readonly kind: RecordingSummary['kind'];
  readonly command: string | null;
  readonly started_at: string;
  readonly duration_ms: number | null;
  readonly size_bytes: number;
  readonly sha256: string | null;
  readonly path: string;
  readonly state: RecordingSummary['state'];
  readonly deleted_at: string | null;
}

/** What is known when a session starts. */
export type StartedSession = Pick<
  SessionSummary,
  'id' | 'operator' | 'host' | 'login' | 'source' | 'startedAt'
>;

/** What is known when it has ended. */
export interface EndedSession {
  readonly state: 'ended' | 'interrupted';
  readonly endedAt: string;
  readonly endReason: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** How a recording has ended. */
export interface EndedRecording {
  readonly session: string;
  readonly channel: number;
  readonly state: 'closed' | 'interrupted';
  readonly durationMs: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

const SESSIONS_LIMIT = 500;
/** Names of one kind that are offered; who has more types the rest. */
const NAMES_LIMIT = 1_000;
const RECORDINGS_OF_IT = 'recordings WHERE recordings.session = sessions.id';

/** Sessions and recordings in `bastion.db`: an index for people to find them by; the evidence is in audit and files. */
export class SessionStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async start(session: StartedSession): Promise<void> {
    await this.#database.run(
      `INSERT INTO sessions (id, operator, host, login, source, state, started_at) VALUES (?, ?, ?, ?, ?, 'live', ?)`,
      [session.id, session.operator, session.host, session.login, session.source ?? null, session.startedAt],
    );
  }

  async end(id: string, end: EndedSession): Promise<void> {
    await this.#database.run(
      `UPDATE sessions SET state = ?, ended_at = ?, end_reason = ?, bytes_in = ?, bytes_out = ? WHERE id = ?`,
      [end.state, end.endedAt, end.endReason, end.bytesIn, end.bytesOut, id],
    );
  }

  /** {@link end} for many at once. */
  async endAll(ends: readonly (EndedSession & { readonly id: string })[]): Promise<void> {
    await this.#database.run(
      `UPDATE sessions SET state = json_extract(item.value, '$.state'), ended_at = json_extract(item.value, '$.endedAt'),
         end_reason = json_extract(item.value, '$.endReason'), bytes_in = json_extract(item.value, '$.bytesIn'),
         bytes_out = json_extract(item.value, '$.bytesOut')
       FROM json_each(?) AS item WHERE sessions.id = json_extract(item.value, '$.id')`,
      [JSON.stringify(ends)],
    );
  }

  /** Stores how much live sessions have moved up to now. */
  async count(
    counts: readonly { readonly id: string; readonly in: number; readonly out: number }[],
  ): Promise<void> {
    await this.#database.run(
      `UPDATE sessions SET bytes_in = json_extract(now.value, '$.in'), bytes_out = json_extract(now.value, '$.out')
       FROM json_each(?) AS now WHERE sessions.id = json_extract(now.value, '$.id') AND sessions.state = 'live'`,
      [JSON.stringify(counts)],
    );
  }

  async startRecording(
    session: string,
    recording: Pick<RecordingSummary, 'channel' | 'kind' | 'command' | 'startedAt' | 'path'>,
  ): Promise<void> {
    await this.#database.run(
      `INSERT INTO recordings (session, channel, kind, command, started_at, path, state)
       VALUES (?, ?, ?, ?, ?, ?, 'recording')`,
      [
        session,
        recording.channel,
        recording.kind,
        recording.command ?? null,
        recording.startedAt,
        recording.path,
      ],
    );
  }

  async endRecording(
    session: string,
    channel: number,
    end: { state: 'closed' | 'interrupted'; durationMs: number; sizeBytes: number; sha256: string },
  ): Promise<void> {
    await this.#database.run(
      `UPDATE recordings SET state = ?, duration_ms = ?, size_bytes = ?, sha256 = ? WHERE session = ? AND channel = ?`,
      [end.state, end.durationMs, end.sizeBytes, end.sha256, session, channel],
    );
  }

  /** {@link endRecording} for many at once. */
  async endRecordings(ends: readonly EndedRecording[]): Promise<void> {
    await this.#database.run(
      `UPDATE recordings SET state = json_extract(item.value, '$.state'),
         duration_ms = json_extract(item.value, '$.durationMs'), size_bytes = json_extract(item.value, '$.sizeBytes'),
         sha256 = json_extract(item.value, '$.sha256')
       FROM json_each(?) AS item WHERE recordings.session = json_extract(item.value, '$.session')
         AND recordings.channel = json_extract(item.value, '$.channel')`,
      [JSON.stringify(ends)],
    );
  }

  /** Newest first. */
  async list(query: SessionQuery): Promise<SessionSummary[]> {
    const conditions: string[] = [];
    const params: SqlValue[] = [];
    const only = (condition: string, value: SqlValue): void => {
      conditions.push(condition);
      params.push(value);
    };
    if (query.live !== undefined) conditions.push(query.live ? `state = 'live'` : `state <> 'live'`);
    if (query.operator !== undefined) only('operator = ?', query.operator);
    if (query.host !== undefined) only('host = ?', query.host);
    if (query.login !== undefined) only('login = ?', query.login);
    if (query.kind === 'unrecorded') conditions.push(`NOT EXISTS (SELECT 1 FROM ${RECORDINGS_OF_IT})`);
    else if (query.kind !== undefined) {
      only(`EXISTS (SELECT 1 FROM ${RECORDINGS_OF_IT} AND kind = ?)`, query.kind);
    }
    if (query.from !== undefined) only('started_at >= ?', utc(query.from));
    if (query.to !== undefined) only('started_at <= ?', utc(query.to));
    if (query.before !== undefined && query.beforeId !== undefined) {
      only('(started_at, id) < (?, ?)', utc(query.before));
      params.push(query.beforeId);
    } else if (query.before !== undefined) only('started_at < ?', utc(query.before));
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const limit = Math.min(Math.max(Math.trunc(query.limit), 1), SESSIONS_LIMIT);
    const rows = await this.#database.all<SessionRow>(
      `SELECT * FROM sessions ${where} ORDER BY started_at DESC, id DESC LIMIT ?`,
      [...params, limit],
    );
    return this.#withRecordings(rows);
  }

  /** Who and where the sessions were; {@link NAMES_LIMIT} of each at most. */
  async names(): Promise<SessionNames> {
    const [operators, hosts, logins] = await Promise.all(
      (['operator', 'host', 'login'] as const).map(async (column) => {
        // A walk from one name to the next in the index: 100,000 sessions have a few dozen.
        const rows = await this.#database.all<{ name: string }>(
          `WITH RECURSIVE names (name) AS (
             SELECT MIN(${column}) FROM sessions
             UNION ALL
             SELECT (SELECT MIN(${column}) FROM sessions WHERE ${column} > name) FROM names WHERE name IS NOT NULL
           ) SELECT name FROM names WHERE name IS NOT NULL LIMIT ?`,
          [NAMES_LIMIT],
        );
        return rows.map(({ name }) => name);
      }),
    );
    return { operators: operators ?? [], hosts: hosts ?? [], logins: logins ?? [] };
  }

  async get(id: string): Promise<SessionSummary | undefined> {
    const row = await this.#database.get<SessionRow>('SELECT * FROM sessions WHERE id = ?', [id]);
    return row === undefined ? undefined : (await this.#withRecordings([row]))[0];
  }

  /** Sessions that were live when the process before this one ended. */
  async listLeftLive(): Promise<SessionSummary[]> {
    const rows = await this.#database.all<SessionRow>(`SELECT * FROM sessions WHERE state = 'live'`);
    return this.#withRecordings(rows);
  }

  /** What all finished recordings take on the disk. */
  async recordingsBytes(): Promise<number> {
    const row = await this.#database.get<{ total: number | null }>(
      'SELECT SUM(COALESCE(stored_bytes, size_bytes)) AS total FROM recordings WHERE deleted_at IS NULL',
    );
    return row?.total ?? 0;
  }

  /** When the oldest recording that is still there was begun. */
  async oldestRecordingAt(): Promise<string | undefined> {
    const row = await this.#database.get<{ oldest: string | null }>(
      'SELECT MIN(started_at) AS oldest FROM recordings WHERE deleted_at IS NULL',
    );
    return row?.oldest ?? undefined;
  }

  async #withRecordings(rows: readonly SessionRow[]): Promise<SessionSummary[]> {
    const recordings = await this.#database.all<RecordingRow>(
      `SELECT * FROM recordings WHERE session IN (SELECT value FROM json_each(?)) ORDER BY session, channel`,
      [JSON.stringify(rows.map((row) => row.id))],
    );
    const bySession = new Map<string, RecordingSummary[]>();
    for (const row of recordings) {
      const list = bySession.get(row.session) ?? [];
      list.push(recordingOf(row));
      bySession.set(row.session, list);
    }
    return rows.map((row) => sessionOf(row, bySession.get(row.id) ?? []));
  }
}

/** Times are compared as text, so they have to be written like the stored ones. */
function utc(time: string): string {
  return new Date(time).toISOString();
}

function sessionOf(row: SessionRow, recordings: readonly RecordingSummary[]): SessionSummary {
  return {
    id: row.id,
    operator: row.operator,
    host: row.host,
    login: row.login,
    ...(row.source === null ? {} : { source: row.source }),
    state: row.state,
    startedAt: row.started_at,
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
    ...(row.end_reason === null ? {} : { endReason: row.end_reason }),
    bytesIn: row.bytes_in,
    bytesOut: row.bytes_out,
    recordings,
  };
}

function recordingOf(row: RecordingRow): RecordingSummary {
  return {
    channel: row.channel,
    kind: row.kind,
    ...(row.command === null ? {} : { command: row.command }),
    startedAt: row.started_at,
    ...(row.duration_ms === null ? {} : { durationMs: row.duration_ms }),
    sizeBytes: row.size_bytes,
    ...(row.sha256 === null ? {} : { sha256: row.sha256 }),
    path: row.path,
    ...(isEncryptedCast(row.path) ? { encrypted: true } : {}),
    state: row.state,
    ...(row.deleted_at === null ? {} : { deletedAt: row.deleted_at }),
  };
}
