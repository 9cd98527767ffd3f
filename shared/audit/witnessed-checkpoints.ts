import { join } from 'node:path';
import { Database } from '../store/database.ts';

/** A checkpoint that a witness has counter-signed. */
export interface WitnessedCheckpoint {
  /** How often the witness was told to begin anew with this log before this one. */
  readonly epoch: number;
  /** Number of events that it covers. */
  readonly size: number;
  /** Root hash, base64. */
  readonly root: string;
  /** With all signatures. */
  readonly note: string;
  /** When it was counter-signed, milliseconds since the Unix epoch. */
  readonly atMs: number;
}

/** What a witness refused last, while it has seen nothing better since. */
export interface WitnessRefusal {
  readonly code: string;
  readonly message: string;
  /** Size of the refused checkpoint. */
  readonly size: number;
  readonly sinceMs: number;
}

/** Counter-signed checkpoints that are kept per log and epoch; each new one proves all before it. */
export const KEPT_CHECKPOINTS = 1_000;

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE checkpoint (
    log   TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    size  INTEGER NOT NULL,
    root  TEXT NOT NULL,
    note  TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (log, epoch, size)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE standing (
    log     TEXT PRIMARY KEY,
    epoch   INTEGER NOT NULL,
    refusal TEXT
  ) STRICT, WITHOUT ROWID;
  `,
];

interface CheckpointRow {
  readonly epoch: number;
  readonly size: number;
  readonly root: string;
  readonly note: string;
  readonly at_ms: number;
}

/** `witness.db` in a role's data directory: at a witness what it signed, at a bastion what was signed for it. */
export class WitnessedCheckpoints {
  readonly #db: Database;

  private constructor(db: Database) {
    this.#db = db;
  }

  /** @throws `store.*`; with `readOnly` also when there is none yet */
  static async open(
    dataDir: string,
    options: { readonly readOnly?: boolean } = {},
  ): Promise<WitnessedCheckpoints> {
    const db = await Database.open(join(dataDir, 'witness.db'), {
      migrations: MIGRATIONS,
      synchronous: 'FULL',
      ...options,
    });
    return new WitnessedCheckpoints(db);
  }

  /** Where the witness stands with a log: its present epoch, the latest checkpoint in it, and what it refused since. */
  async standing(log: string): Promise<{
    readonly epoch: number;
    readonly latest?: WitnessedCheckpoint;
    readonly refusal?: WitnessRefusal;
  }> {
    const row = await this.#db.get<{ epoch: number; refusal: string | null }>(
      'SELECT epoch, refusal FROM standing WHERE log = ?',
      [log],
    );
    const epoch = row?.epoch ?? 0;
    const latest = await this.#db.get<CheckpointRow>(
      'SELECT epoch, size, root, note, at_ms FROM checkpoint WHERE log = ? AND epoch = ? ORDER BY size DESC LIMIT 1',
      [log, epoch],
    );
    return {
      epoch,
      ...(latest === undefined ? {} : { latest: checkpointOf(latest) }),
      ...(row?.refusal == null ? {} : { refusal: JSON.parse(row.refusal) as WitnessRefusal }),
    };
  }

  /** Keeps a checkpoint durably, forgets the refusal and the oldest beyond {@link KEPT_CHECKPOINTS}. */
  async keep(log: string, checkpoint: WitnessedCheckpoint): Promise<void> {
    const { epoch, size, root, note, atMs } = checkpoint;
    await this.#db.transaction(async (db) => {
      await db.run(
        'INSERT OR REPLACE INTO checkpoint (log, epoch, size, root, note, at_ms) VALUES (?, ?, ?, ?, ?, ?)',
        [log, epoch, size, root, note, atMs],
      );
      await db.run(
        `DELETE FROM checkpoint WHERE log = ? AND epoch = ? AND size <=
           (SELECT size FROM checkpoint WHERE log = ? AND epoch = ? ORDER BY size DESC LIMIT 1 OFFSET ?)`,
        [log, epoch, log, epoch, KEPT_CHECKPOINTS],
      );
      await db.run(
        `INSERT INTO standing (log, epoch, refusal) VALUES (?, ?, NULL)
         ON CONFLICT (log) DO UPDATE SET refusal = NULL`,
        [log, epoch],
      );
    });
  }

  async refuse(log: string, refusal: WitnessRefusal): Promise<void> {
    await this.#db.run(
      `INSERT INTO standing (log, epoch, refusal) VALUES (?, 0, ?)
       ON CONFLICT (log) DO UPDATE SET refusal = excluded.refusal`,
      [log, JSON.stringify(refusal)],
    );
  }

  /** From now on another history of the log is taken; what was witnessed before stays. */
  async beginAnew(log: string): Promise<void> {
    await this.#db.run(
      `INSERT INTO standing (log, epoch, refusal) VALUES (?, 1, NULL)
       ON CONFLICT (log) DO UPDATE SET epoch = epoch + 1, refusal = NULL`,
      [log],
    );
  }

  /** All that are kept of a log, oldest first, read in pages. */
  async *all(log: string): AsyncIterable<WitnessedCheckpoint> {
    const page = 200;
    for (let epoch = 0, size = -1; ; ) {
      const rows = await this.#db.all<CheckpointRow>(
        `SELECT epoch, size, root, note, at_ms FROM checkpoint
         WHERE log = ? AND (epoch, size) > (?, ?) ORDER BY epoch, size LIMIT ?`,
        [log, epoch, size, page],
      );
      for (const row of rows) yield checkpointOf(row);
      const last = rows.at(-1);
      if (last === undefined || rows.length < page) return;
      ({ epoch, size } = last);
    }
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

function checkpointOf({ at_ms, ...row }: CheckpointRow): WitnessedCheckpoint {
  return { ...row, atMs: at_ms };
}
