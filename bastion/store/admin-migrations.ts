/**
 * Tables of the customer's administrators in `bastion.db`. Passwords, web sessions and API tokens are stored as
 * hashes only; a TOTP secret has to be readable to check a code, so the file's mode (0600) guards it.
 */
export const ADMIN_MIGRATIONS: readonly string[] = [
  `CREATE TABLE admins (
    username TEXT PRIMARY KEY,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'approver', 'admin')),
    password_hash TEXT NOT NULL,
    totp_secret TEXT NOT NULL,
    last_code_step INTEGER NOT NULL DEFAULT -1,
    created_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE admin_sessions (
    token_hash BLOB PRIMARY KEY,
    username TEXT NOT NULL REFERENCES admins (username) ON DELETE CASCADE,
    address TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX admin_sessions_by_username ON admin_sessions (username, created_at);
  CREATE TABLE api_tokens (
    name TEXT PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'approver', 'admin')),
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER
  ) STRICT;`,
];
