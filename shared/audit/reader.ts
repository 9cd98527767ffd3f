import { systemClock } from '../clock.ts';
import { DrawbridgeError } from '../errors.ts';
import { Database, type SqlValue } from '../store/database.ts';
import {
  AUDIT_MIGRATIONS,
  auditFilePath,
  type EventRow,
  eventOfRow,
  SCHEMA_WITH_SIGNED_END,
} from './audit-file.ts';
import { GENESIS_HASH } from './chain.ts';
import type { AuditEvent, AuditQuery, AuditSearchResult, AuditSource } from './event.ts';
import { END_SIGNED_FIELD, type SignedEnd } from './log-end.ts';

const QUERY_LIMIT = 1000;
/** Lines that one search looks at; about a tenth of a second on a small machine. */
const SEARCH_EVENTS = 50_000;
/** Events of the times asked for whose places are looked up: some hundredths of a second. For more, all are searched. */
const BOUNDED_EVENTS = 500_000;
/** Later than any time in the log. */
const LAST_TIME = '~';
/** Events that are held in memory at once while all are read. */
const PAGE_EVENTS = 1000;
/** How often a log that another process writes is looked at for new events. */
const FOLLOW_PERIOD_MS = 250;

/** Reads an audit log, also while it is being written, by this or by another process. */
export class AuditReader implements AuditSource {
  readonly #db: Database;
  /** An older Drawbridge wrote it last, if its schema is older. */
  readonly #schema: number;

  private constructor(db: Database, schema: number) {
    this.#db = db;
    this.#schema = schema;
  }

  /** Reads what older versions wrote as well. @throws `store.*` when there is no log in `dataDir` or it can't be read */
  static async open(dataDir: string): Promise<AuditReader> {
    const db = await Database.open(auditFilePath(dataDir), {
      migrations: AUDIT_MIGRATIONS,
      synchronous: 'FULL',
      readOnly: true,
      oldestReadable: 1,
    });
    const row = await db.get<{ user_version: number }>('PRAGMA user_version');
    return new AuditReader(db, row?.user_version ?? 0);
  }

  query(query: AuditQuery): Promise<readonly AuditEvent[]> {
    return this.#select(query);
  }

  async #select(query: AuditQuery, text?: string): Promise<readonly AuditEvent[]> {
    if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > QUERY_LIMIT) {
      throw new DrawbridgeError('usage.limit', `A limit must be from 1 to ${QUERY_LIMIT}.`);
    }
    const conditions: string[] = [];
    const values: SqlValue[] = [];
    const where = (condition: string, value: SqlValue | undefined) => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    where('seq > ?', query.after);
    where('seq < ?', query.before);
    where('type = ?', query.type);
    where('session = ?', query.session);
    where('operator = ?', query.operator);
    where('host = ?', query.host);
    where("line ->> 'time' >= ?", query.from);
    where("line ->> 'time' <= ?", query.to);
    where('instr(lower(line), lower(?)) > 0', text === undefined ? undefined : asInLine(text));
    const filter = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
    const order = query.newestFirst === true ? 'DESC' : 'ASC';
    const rows = await this.#db.all<EventRow>(
      `SELECT seq, line FROM event ${filter} ORDER BY seq ${order} LIMIT ?`,
      [...values, query.limit],
    );
    return rows.map(eventOfRow);
  }

  /**
   * Events whose line has `text` in it (ASCII letters match either case), or all that the query asks for when it is empty.
   * Where the times asked for begin and end in the log, an index says; between these places each line is looked at, since
   * a clock that was set back must hide no event. One call looks at {@link SEARCH_EVENTS} lines at most, so that it takes
   * as long in a log of ten million events as in one of a hundred thousand.
   */
  async search(text: string, query: AuditQuery): Promise<AuditSearchResult> {
    const { first, last } = await this.#boundsOf(query);
    const after = Math.max(query.after ?? 0, first - 1);
    const before = Math.min(query.before ?? Number.MAX_SAFE_INTEGER, last + 1);
    if (after + 1 >= before) return { events: [] };
    const backwards = query.newestFirst === true;
    const stretch = backwards
      ? { after: Math.max(after, before - 1 - SEARCH_EVENTS), before }
      : { after, before: Math.min(before, after + 1 + SEARCH_EVENTS) };
    const events = await this.#select({ ...query, ...stretch }, text === '' ? undefined : text);
    if (events.length === query.limit) return { events, searchedTo: events.at(-1)?.seq ?? after };
    if (stretch.after === after && stretch.before === before) return { events };
    return { events, searchedTo: backwards ? stretch.after + 1 : stretch.before - 1 };
  }

  /** The first and the last event between which all of the query's times lie; the whole log where those are too many. */
  async #boundsOf({ from, to }: AuditQuery): Promise<{ first: number; last: number }> {
    const { seq: last } = await this.head();
    if ((from === undefined && to === undefined) || this.#schema < SCHEMA_WITH_SIGNED_END)
      return { first: 1, last };
    const row = await this.#db.get<{ count: number; first: number | null; last: number | null }>(
      `SELECT count(*) AS count, min(seq) AS first, max(seq) AS last
       FROM (SELECT seq FROM event INDEXED BY event_time WHERE time >= ? AND time <= ? LIMIT ?)`,
      [from ?? '', to ?? LAST_TIME, BOUNDED_EVENTS + 1],
    );
    if (row === undefined || row.count > BOUNDED_EVENTS) return { first: 1, last };
    return { first: row.first ?? last + 1, last: row.last ?? last };
  }

  /**
   * The number of the last event and the signature over the log's end, of one moment; no signature where an older
   * Drawbridge wrote last.
   */
  async signedEnd(): Promise<{ readonly foundSeq: number; readonly signed?: SignedEnd }> {
    if (this.#schema < SCHEMA_WITH_SIGNED_END) return { foundSeq: (await this.head()).seq };
    const row = await this.#db.get<{
      found: number | null;
      seq: number | null;
      hash: string;
      signature: string;
    }>(
      `SELECT found, seq, hash, signature FROM (SELECT max(seq) AS found FROM event)
       LEFT JOIN log_end ON only_row = 1`,
    );
    const foundSeq = row?.found ?? 0;
    if (row === undefined || row.seq === null) return { foundSeq };
    return { foundSeq, signed: { seq: row.seq, hash: row.hash, signature: row.signature } };
  }

  /** Whether the log says of itself that its end is signed. */
  async saysItsEndIsSigned(): Promise<boolean> {
    const row = await this.#db.get(
      `SELECT 1 FROM event WHERE type = 'checkpoint.signed' AND line ->> ? = TRUE LIMIT 1`,
      [END_SIGNED_FIELD],
    );
    return row !== undefined;
  }

  /** All events up to the one that is the last when the first is read. */
  async *all(): AsyncIterable<AuditEvent> {
    const { seq: end } = await this.head();
    for await (const row of this.rows(end)) yield eventOfRow(row);
  }

  /** The rows behind `start`, up to and with `end`, not yet looked into. */
  async *rows(end: number, start = 0): AsyncIterable<EventRow> {
    for (let after = start; after < end; ) {
      const rows = await this.#db.all<EventRow>(
        'SELECT seq, line FROM event WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
        [after, end, PAGE_EVENTS],
      );
      yield* rows;
      after = rows.at(-1)?.seq ?? end;
    }
  }

  async head(): Promise<{ readonly seq: number; readonly hash: string }> {
    const last = await this.last();
    return { seq: last?.seq ?? 0, hash: last?.hash ?? GENESIS_HASH };
  }

  /** The last event, or the last of a type. */
  async last(type?: string): Promise<AuditEvent | undefined> {
    const filter = type === undefined ? '' : 'WHERE type = ?';
    const row = await this.#db.get<EventRow>(
      `SELECT seq, line FROM event ${filter} ORDER BY seq DESC LIMIT 1`,
      type === undefined ? [] : [type],
    );
    return row === undefined ? undefined : eventOfRow(row);
  }

  /** The event with this number. */
  async at(seq: number): Promise<AuditEvent | undefined> {
    const row = await this.#db.get<EventRow>('SELECT seq, line FROM event WHERE seq = ?', [seq]);
    return row === undefined ? undefined : eventOfRow(row);
  }

  /** The event with this id. */
  async find(id: string): Promise<AuditEvent | undefined> {
    const row = await this.#db.get<EventRow>('SELECT seq, line FROM event WHERE id = ?', [id]);
    return row === undefined ? undefined : eventOfRow(row);
  }

  /** Looks for new events every {@link FOLLOW_PERIOD_MS}, since another process writes them. */
  subscribe(listener: (event: AuditEvent) => void): () => void {
    let after: number | undefined;
    let looking = false;
    const look = async () => {
      after ??= (await this.head()).seq;
      for (const event of await this.query({ after, limit: QUERY_LIMIT })) {
        after = event.seq;
        listener(event);
      }
    };
    const timer = systemClock.every(FOLLOW_PERIOD_MS, () => {
      if (looking) return;
      looking = true;
      const done = () => {
        looking = false;
      };
      // A look that failed is made up for by the next one, which starts at the same place.
      look().then(done, done);
    });
    return () => timer.cancel();
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

/** `text` as it stands in a line: with quotes, backslashes and control characters escaped. */
function asInLine(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
