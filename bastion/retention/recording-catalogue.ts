import { ENCRYPTED_CAST_SUFFIX } from '../../recordings/format.ts';
import type { Database } from '../../shared/store/database.ts';

/** A recording that is finished, with whose it is. */
export interface FinishedRecording {
  readonly session: string;
  readonly channel: number;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly command?: string;
  /** ISO time. */
  readonly startedAt: string;
  /** Of the asciicast file; what is stored may be smaller. */
  readonly sizeBytes: number;
  /** Bytes on the disk, once the file is compressed. */
  readonly storedBytes?: number;
  /** SHA-256 (hex) of the asciicast file. */
  readonly sha256?: string;
  /** Absolute path of the asciicast file. */
  readonly path: string;
  readonly held: boolean;
}

/** A legal hold: recordings of the session are not deleted while it lasts. */
export interface LegalHold {
  readonly session: string;
  readonly reason: string;
  readonly placedBy: string;
  readonly placedAt: string;
}

interface FinishedRow {
  readonly session: string;
  readonly channel: number;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  readonly command: string | null;
  readonly started_at: string;
  readonly size_bytes: number;
  readonly stored_bytes: number | null;
  readonly sha256: string | null;
  readonly path: string;
  readonly held: number;
}

const FINISHED = `
  SELECT recordings.session, channel, operator, host, login, command, recordings.started_at, size_bytes, stored_bytes,
    sha256, path, legal_holds.session IS NOT NULL AS held
  FROM recordings JOIN sessions ON sessions.id = recordings.session
  LEFT JOIN legal_holds ON legal_holds.session = recordings.session
  WHERE recordings.state <> 'recording' AND deleted_at IS NULL`;

const NOT_ENCRYPTED = `path NOT LIKE '%${ENCRYPTED_CAST_SUFFIX}'`;

/** Recordings in `bastion.db` as those see them that work on finished ones: index, compression, retention. */
export class RecordingCatalogue {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** `session/channel` of all recordings that are finished, not deleted and not encrypted, newest first. */
  async readableNames(): Promise<string[]> {
    const rows = await this.#database.all<{ name: string }>(
      `SELECT session || '/' || channel AS name FROM recordings
       WHERE state <> 'recording' AND deleted_at IS NULL AND ${NOT_ENCRYPTED} ORDER BY started_at DESC`,
    );
    return rows.map(({ name }) => name);
  }

  /** Of one session, finished and not deleted. */
  async ofSession(session: string): Promise<FinishedRecording[]> {
    const rows = await this.#database.all<FinishedRow>(
      `${FINISHED} AND recordings.session = ? ORDER BY channel`,
      [session],
    );
    return rows.map(finishedOf);
  }

  async find(session: string, channel: number): Promise<FinishedRecording | undefined> {
    const row = await this.#database.get<FinishedRow>(
      `${FINISHED} AND recordings.session = ? AND recordings.channel = ?`,
      [session, channel],
    );
    return row === undefined ? undefined : finishedOf(row);
  }

  /** Those that started before this ISO time and are not held, oldest first. */
  async deletable(startedBefore: string, limit: number): Promise<FinishedRecording[]> {
    const rows = await this.#database.all<FinishedRow>(
      `${FINISHED} AND legal_holds.session IS NULL AND recordings.started_at < ?
       ORDER BY recordings.started_at LIMIT ?`,
      [startedBefore, limit],
    );
    return rows.map(finishedOf);
  }

  /** Plain ones (encrypted ones can't be made smaller) of at least `fromBytes` with a known digest that started before this ISO time, oldest first. */
  async compressible(startedBefore: string, fromBytes: number, limit: number): Promise<FinishedRecording[]> {
    const rows = await this.#database.all<FinishedRow>(
      `${FINISHED} AND stored_bytes IS NULL AND sha256 IS NOT NULL AND size_bytes >= ?
       AND ${NOT_ENCRYPTED} AND recordings.started_at <= ? ORDER BY recordings.started_at LIMIT ?`,
      [fromBytes, startedBefore, limit],
    );
    return rows.map(finishedOf);
  }

  /** Bytes that all recordings take on the disk, held ones among them. */
  async storedBytes(): Promise<number> {
    const row = await this.#database.get<{ total: number | null }>(
      'SELECT SUM(COALESCE(stored_bytes, size_bytes)) AS total FROM recordings WHERE deleted_at IS NULL',
    );
    return row?.total ?? 0;
  }

  async compressed(session: string, channel: number, storedBytes: number): Promise<void> {
    await this.#database.run('UPDATE recordings SET stored_bytes = ? WHERE session = ? AND channel = ?', [
      storedBytes,
      session,
      channel,
    ]);
  }

  async deleted(session: string, channel: number, at: string): Promise<void> {
    await this.#database.run('UPDATE recordings SET deleted_at = ? WHERE session = ? AND channel = ?', [
      at,
      session,
      channel,
    ]);
  }

  async holds(): Promise<LegalHold[]> {
    const rows = await this.#database.all<{
      session: string;
      reason: string;
      placed_by: string;
      placed_at: string;
    }>('SELECT * FROM legal_holds ORDER BY placed_at');
    return rows.map((row) => ({
      session: row.session,
      reason: row.reason,
      placedBy: row.placed_by,
      placedAt: row.placed_at,
    }));
  }

  async isHeld(session: string): Promise<boolean> {
    const row = await this.#database.get('SELECT 1 FROM legal_holds WHERE session = ?', [session]);
    return row !== undefined;
  }

  async hold(hold: LegalHold): Promise<void> {
    await this.#database.run('INSERT OR REPLACE INTO legal_holds VALUES (?, ?, ?, ?)', [
      hold.session,
      hold.reason,
      hold.placedBy,
      hold.placedAt,
    ]);
  }

  async release(session: string): Promise<void> {
    await this.#database.run('DELETE FROM legal_holds WHERE session = ?', [session]);
  }
}

function finishedOf(row: FinishedRow): FinishedRecording {
  return {
    session: row.session,
    channel: row.channel,
    operator: row.operator,
    host: row.host,
    login: row.login,
    ...(row.command === null ? {} : { command: row.command }),
    startedAt: row.started_at,
    sizeBytes: row.size_bytes,
    ...(row.stored_bytes === null ? {} : { storedBytes: row.stored_bytes }),
    ...(row.sha256 === null ? {} : { sha256: row.sha256 }),
    path: row.path,
    held: row.held === 1,
  };
}
