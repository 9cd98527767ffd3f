/** What is kept how long: legal holds on sessions, and what became of a recording's file. */
export const KEEPING_MIGRATION = `
  CREATE TABLE legal_holds (
    session TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    placed_by TEXT NOT NULL,
    placed_at TEXT NOT NULL
  ) STRICT;
  ALTER TABLE recordings ADD COLUMN stored_bytes INTEGER;
  ALTER TABLE recordings ADD COLUMN deleted_at TEXT;
  CREATE INDEX recordings_kept ON recordings (started_at) WHERE deleted_at IS NULL;
`;
