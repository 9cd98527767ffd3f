import { closeSync, constants, openSync } from 'node:fs';
import sqlite3 from 'sqlite3';
import { DrawbridgeError, isDrawbridgeError } from '../errors.ts';
import { type Reserve, reserveFor } from './reserve.ts';
import { keepBeforeMigration } from './schema-backup.ts';
import { storeError } from './store-error.ts';
import { Turns } from './turns.ts';

/** What a column can hold. */
export type SqlValue = string | number | bigint | null | Uint8Array;

/** How to open a {@link Database}. */
export interface DatabaseOptions {
  /** Each brings the schema one version further; only ever add at the end. */
  readonly migrations: readonly string[];
  /** `FULL`: a statement that has resolved survives a power failure. `NORMAL`: it survives a crash of the process. */
  readonly synchronous: 'FULL' | 'NORMAL';
  /** True for what can be made anew: nothing of it is kept before a migration. */
  readonly disposable?: boolean;
  /** Reads while another process writes; runs no migration. */
  readonly readOnly?: boolean;
  /** The oldest version of the schema that a reader can do with, where that is not the newest. */
  readonly oldestReadable?: number;
}

const BUSY_TIMEOUT_MS = 5_000;
const WAL_KEPT_BYTES = 16 * 1024 * 1024;

/**
 * A SQLite database in WAL mode. Statements and transactions take turns, in the order of asking.
 *
 * Every method throws `store.disk_full`, `store.unreadable` (damaged), `store.read_only`, `store.locked`,
 * `store.conflict` (a constraint), `store.busy` (too many are waiting), `store.closed` or `store.failed`.
 */
export class Database {
  readonly #connection: Connection;
  /** Absent in a transaction, which has its turn already. */
  readonly #turns: Turns | undefined;

  private constructor(connection: Connection, turns: Turns | undefined) {
    this.#connection = connection;
    this.#turns = turns;
  }

  /**
   * Opens the database at `path`, which is made (0600) if it is missing, and brings its schema up to date; one with an
   * older schema is copied first (`schemaBackupPath`).
   * @throws `store.newer` when a newer Drawbridge wrote it, `store.older` when it is to be read only and was written
   * by an older one, and as above
   */
  static async open(path: string, options: DatabaseOptions): Promise<Database> {
    const reserve = reserveFor(path);
    try {
      return await Database.#openOnce(path, options, reserve);
    } catch (error) {
      const again = isDrawbridgeError(error, 'store.disk_full') && options.readOnly !== true;
      if (!again || !reserve.giveUp()) throw error;
      return await Database.#openOnce(path, options, reserve);
    }
  }

  static async #openOnce(path: string, options: DatabaseOptions, reserve: Reserve): Promise<Database> {
    const connection = await Connection.open(path, options.readOnly === true);
    try {
      await prepare(connection, options);
      if (options.readOnly !== true) reserve.keep();
      return new Database(connection, new Turns());
    } catch (error) {
      await connection.close();
      throw storeError(error, path);
    }
  }

  /** Runs one statement. `lastId` is the row id of the last insert on this database. */
  run(sql: string, params: readonly SqlValue[] = []): Promise<{ changes: number; lastId: number }> {
    return this.#inTurn(() => this.#connection.run(sql, params));
  }

  /** The first row, if there is one. */
  get<T>(sql: string, params: readonly SqlValue[] = []): Promise<T | undefined> {
    return this.#inTurn(() => this.#connection.get<T>(sql, params));
  }

  /** All rows. */
  all<T>(sql: string, params: readonly SqlValue[] = []): Promise<T[]> {
    return this.#inTurn(() => this.#connection.all<T>(sql, params));
  }

  /**
   * Runs `work` in a transaction: all of it is stored, or, when `work` or the commit fails, nothing. Use only the
   * database that is handed to `work` inside it; transactions don't nest.
   */
  transaction<T>(work: (db: Database) => Promise<T>): Promise<T> {
    if (this.#turns === undefined) throw new Error('transactions do not nest');
    return this.#inTurn(async () => {
      await this.#connection.run('BEGIN IMMEDIATE', []);
      try {
        const result = await work(new Database(this.#connection, undefined));
        await this.#connection.run('COMMIT', []);
        return result;
      } catch (error) {
        await this.#rollBack();
        throw error;
      }
    });
  }

  /** Waits for what was asked before, then closes. Safe to call twice. */
  async close(): Promise<void> {
    await this.#inTurn(() => this.#connection.close());
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await (this.#turns === undefined ? work() : this.#turns.take(work));
    } catch (error) {
      throw isSqliteError(error) ? storeError(error, this.#connection.path) : error;
    }
  }

  async #rollBack(): Promise<void> {
    try {
      await this.#connection.run('ROLLBACK', []);
    } catch (error) {
      // After some faults, a full disk for one, SQLite has rolled back by itself and says that there is nothing to do.
      if (!isSqliteError(error)) throw error;
    }
  }
}

/**
 * Takes an exclusive lock on the file at `path` (made if it is missing), which the system lets go of when the
 * process ends, however it ends. Writes nothing, so it works on a full disk.
 * @throws `store.locked` at once when somebody has it
 */
export async function lockFile(path: string): Promise<{ release(): Promise<void> }> {
  const connection = await Connection.open(path, false);
  try {
    connection.setBusyTimeout(0);
    await connection.run('BEGIN EXCLUSIVE', []);
  } catch (error) {
    await connection.close();
    throw storeError(error, path);
  }
  return { release: () => connection.close() };
}

/**
 * Copies the database at `path` as it is at one moment into a new file at `target`, also while somebody writes to it.
 * @throws `store.*`
 */
export async function copyDatabase(path: string, target: string): Promise<void> {
  const connection = await Connection.open(path, true);
  try {
    connection.setBusyTimeout(BUSY_TIMEOUT_MS);
    await connection.run('VACUUM INTO ?', [target]);
  } catch (error) {
    throw storeError(error, path);
  } finally {
    await connection.close();
  }
}

async function prepare(connection: Connection, options: DatabaseOptions): Promise<void> {
  connection.setBusyTimeout(BUSY_TIMEOUT_MS);
  await connection.run('PRAGMA foreign_keys = ON', []);
  await connection.run('PRAGMA trusted_schema = OFF', []);
  if (options.readOnly !== true) {
    await connection.run('PRAGMA journal_mode = WAL', []);
    await connection.run(`PRAGMA synchronous = ${options.synchronous}`, []);
    await connection.run(`PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`, []);
  }
  const found =
    (await connection.get<{ user_version: number }>('PRAGMA user_version', []))?.user_version ?? 0;
  const wanted = options.migrations.length;
  if (found > wanted) {
    throw new DrawbridgeError('store.newer', `${connection.path} was written by a newer Drawbridge.`, {
      hint: 'Install the newer version again, or restore the backup that was made before the upgrade.',
    });
  }
  if (found === wanted) return;
  if (options.readOnly === true) {
    if (found >= (options.oldestReadable ?? wanted)) return;
    throw new DrawbridgeError('store.older', `${connection.path} was written by an older Drawbridge.`, {
      hint: 'Start the role that it belongs to once: that brings the file up to date.',
    });
  }
  if (found > 0 && options.disposable !== true) {
    await keepBeforeMigration(connection.path, found, async (target) => {
      await connection.run('VACUUM INTO ?', [target]);
    });
  }
  for (const [index, migration] of options.migrations.entries()) {
    if (index >= found) await connection.migrate(migration, index + 1);
  }
}

/** One connection of the sqlite3 package, with promises. */
class Connection {
  readonly path: string;
  readonly #handle: sqlite3.Database;
  #closed = false;

  private constructor(path: string, handle: sqlite3.Database) {
    this.path = path;
    this.#handle = handle;
  }

  static async open(path: string, readOnly: boolean): Promise<Connection> {
    try {
      // SQLite gives its side files the mode of the database, so this sets all three.
      if (!readOnly) closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600));
      const mode = readOnly ? sqlite3.OPEN_READONLY : sqlite3.OPEN_READWRITE;
      const handle = await new Promise<sqlite3.Database>((resolve, reject) => {
        const opening = new sqlite3.Database(path, mode | sqlite3.OPEN_FULLMUTEX, (error) => {
          if (error === null) resolve(opening);
          else reject(error);
        });
      });
      return new Connection(path, handle);
    } catch (error) {
      throw storeError(error, path);
    }
  }

  setBusyTimeout(ms: number): void {
    this.#handle.configure('busyTimeout', ms);
  }

  async migrate(sql: string, version: number): Promise<void> {
    await this.#exec('BEGIN IMMEDIATE');
    try {
      await this.#exec(sql);
      await this.#exec(`PRAGMA user_version = ${version}`);
      await this.#exec('COMMIT');
    } catch (error) {
      // When the rollback fails too, the caller closes the connection, which rolls back.
      await this.#exec('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  run(sql: string, params: readonly SqlValue[]): Promise<{ changes: number; lastId: number }> {
    return this.#ask((resolve, reject) => {
      this.#handle.run(sql, bindable(params), function (this: sqlite3.RunResult, error: Error | null) {
        if (error === null) resolve({ changes: this.changes, lastId: this.lastID });
        else reject(error);
      });
    });
  }

  get<T>(sql: string, params: readonly SqlValue[]): Promise<T | undefined> {
    return this.#ask((resolve, reject) => {
      this.#handle.get<T | undefined>(sql, bindable(params), (error: Error | null, row: T | undefined) => {
        if (error === null) resolve(row);
        else reject(error);
      });
    });
  }

  all<T>(sql: string, params: readonly SqlValue[]): Promise<T[]> {
    return this.#ask((resolve, reject) => {
      this.#handle.all<T>(sql, bindable(params), (error: Error | null, rows: T[]) => {
        if (error === null) resolve(rows);
        else reject(error);
      });
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await new Promise<void>((resolve, reject) => {
      this.#handle.close((error) => (error === null ? resolve() : reject(error)));
    });
  }

  #exec(sql: string): Promise<void> {
    return this.#ask((resolve, reject) => {
      this.#handle.exec(sql, (error: Error | null) => (error === null ? resolve() : reject(error)));
    });
  }

  async #ask<T>(start: (resolve: (value: T) => void, reject: (error: Error) => void) => void): Promise<T> {
    if (this.#closed) throw new DrawbridgeError('store.closed', `The database ${this.path} is closed.`);
    return await new Promise<T>(start);
  }
}

/** The package stores a bigint as NULL without a word, so it is made a number where that is exact. */
function bindable(params: readonly SqlValue[]): (string | number | null | Uint8Array)[] {
  return params.map((value) => {
    if (typeof value !== 'bigint') return value;
    const number = Number(value);
    if (Number.isSafeInteger(number)) return number;
    throw new RangeError(`${value} is too large for a column`);
  });
}

function isSqliteError(error: unknown): boolean {
  return (
    error instanceof Error && 'errno' in error && 'code' in error && String(error.code).startsWith('SQLITE_')
  );
}
