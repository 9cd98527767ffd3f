/** What the customer has approved, and whom it locks out. */
export const APPROVALS_MIGRATION = `
  CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    operator TEXT NOT NULL,
    host TEXT NOT NULL,
    login TEXT NOT NULL,
    role TEXT NOT NULL,
    reason TEXT,
    approved_by TEXT NOT NULL,
    granted_at_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    ended_at_ms INTEGER
  ) STRICT;
  CREATE INDEX grants_open ON grants (id) WHERE ended_at_ms IS NULL;
  CREATE TABLE operator_locks (
    operator TEXT PRIMARY KEY,
    reason TEXT,
    locked_by TEXT NOT NULL,
    locked_at_ms INTEGER NOT NULL
  ) STRICT;
`;

/** The end of a grant by the running time of the machine, which setting its calendar does not change. */
export const GRANT_BOOT_MIGRATION = `
  ALTER TABLE grants ADD COLUMN boot_id TEXT;
  ALTER TABLE grants ADD COLUMN until_uptime_ms REAL;
`;
