import { join } from 'node:path';
import { DrawbridgeError } from '../errors.ts';
import type { AuditEvent } from './event.ts';

/** Where the audit log of a role is. */
export function auditFilePath(dataDir: string): string {
  return join(dataDir, 'audit.db');
}

/**
 * One row per event: its line of canonical JSON. What is searched by is derived from the line, so that an index can't
 * say anything else than the event does.
 */
export const AUDIT_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE event (
    seq      INTEGER PRIMARY KEY,
    line     TEXT NOT NULL,
    id       TEXT GENERATED ALWAYS AS (line ->> 'id') VIRTUAL,
    type     TEXT GENERATED ALWAYS AS (line ->> 'type') VIRTUAL,
    session  TEXT GENERATED ALWAYS AS (line ->> 'session') VIRTUAL,
    operator TEXT GENERATED ALWAYS AS (line ->> 'operator') VIRTUAL,
    host     TEXT GENERATED ALWAYS AS (line ->> 'host') VIRTUAL
  ) STRICT;
  CREATE UNIQUE INDEX event_id ON event (id);
  CREATE INDEX event_type ON event (type, seq);
  CREATE INDEX event_session ON event (session, seq) WHERE session IS NOT NULL;
  CREATE INDEX event_operator ON event (operator, seq) WHERE operator IS NOT NULL;
  CREATE INDEX event_host ON event (host, seq) WHERE host IS NOT NULL;
  `,
  // A group and the signature over the log's end are one insert into the view: one statement, stored whole or not at all.
  `
  ALTER TABLE event ADD COLUMN time TEXT GENERATED ALWAYS AS (line ->> 'time') VIRTUAL;
  CREATE INDEX event_time ON event (time);
  CREATE TABLE log_end (
    only_row  INTEGER PRIMARY KEY CHECK (only_row = 1),
    seq       INTEGER NOT NULL,
    hash      TEXT NOT NULL,
    signature TEXT NOT NULL
  ) STRICT;
  CREATE VIEW stored_group AS
    SELECT NULL AS first_seq, NULL AS lines, NULL AS seq, NULL AS hash, NULL AS signature WHERE FALSE;
  CREATE TRIGGER store_group INSTEAD OF INSERT ON stored_group
  BEGIN
    INSERT INTO event (seq, line) SELECT NEW.first_seq + key, value FROM json_each(NEW.lines);
    INSERT OR REPLACE INTO log_end (only_row, seq, hash, signature)
      VALUES (1, NEW.seq, NEW.hash, NEW.signature);
  END;
  `,
];

/** The first schema in which events are found by their time, and in which the log's end is signed. */
export const SCHEMA_WITH_SIGNED_END = 2;

/** A row of the table. */
export interface EventRow {
  readonly seq: number;
  readonly line: string;
}

/** The event in a row. @throws `audit.damaged` when there is none in it */
export function eventOfRow(row: EventRow): AuditEvent {
  let value: unknown;
  try {
    value = JSON.parse(row.line);
  } catch (error) {
    throw damaged(`the event in row ${row.seq} can't be read`, error);
  }
  if (!isAuditEvent(value)) throw damaged(`what is in row ${row.seq} is not an event`);
  return value;
}

/** True when `value` has what every event has. Further fields are as they may be. */
export function isAuditEvent(value: unknown): value is AuditEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  // Looked at as it is: a copy would be a fifth of the time that verifying a log takes.
  const { seq, id, time, type, actor, prev, hash }: Partial<Record<string, unknown>> = value;
  return (
    Number.isSafeInteger(seq) && [id, time, type, actor, prev, hash].every((text) => typeof text === 'string')
  );
}

/** The log can't be trusted as it is. */
export function damaged(what: string, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('audit.damaged', `The audit log is damaged: ${what}.`, {
    hint: "Keep the file as evidence, look at it with 'drawbridge audit verify', and restore a backup.",
    cause,
  });
}
