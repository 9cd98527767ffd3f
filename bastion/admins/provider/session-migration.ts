/**
 * Sessions of people who have no account here: a directory vouches for them, and their role is the session's own. An
 * account's sessions still go with it.
 */
export const PROVIDED_SESSION_MIGRATION = `
  CREATE TABLE admin_sessions_with_provided (
    token_hash BLOB PRIMARY KEY,
    username TEXT NOT NULL,
    account TEXT REFERENCES admins (username) ON DELETE CASCADE,
    provided_role TEXT CHECK (provided_role IN ('viewer', 'approver', 'admin')),
    address TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CHECK ((account IS NULL) <> (provided_role IS NULL)),
    CHECK (account IS NULL OR account = username)
  ) STRICT;
  INSERT INTO admin_sessions_with_provided
    SELECT token_hash, username, username, NULL, address, created_at, last_seen_at, expires_at FROM admin_sessions;
  DROP TABLE admin_sessions;
  ALTER TABLE admin_sessions_with_provided RENAME TO admin_sessions;
  CREATE INDEX admin_sessions_by_username ON admin_sessions (username, created_at);
  CREATE INDEX admin_sessions_by_account ON admin_sessions (account);
`;
