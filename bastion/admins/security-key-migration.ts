/** Security keys of the administrators, and the one-time links by which an account is set up. */
export const SECURITY_KEY_MIGRATION = `
  CREATE TABLE admin_security_keys (
    credential_id TEXT PRIMARY KEY,
    username TEXT NOT NULL REFERENCES admins (username) ON DELETE CASCADE,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    counter INTEGER NOT NULL,
    transports TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    last_used_at INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX admin_security_keys_by_name ON admin_security_keys (username, name);
  CREATE TABLE admin_setup_links (
    username TEXT PRIMARY KEY REFERENCES admins (username) ON DELETE CASCADE,
    secret_hash BLOB NOT NULL UNIQUE,
    totp_secret TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT;
`;
