import { IDENTITIES_MIGRATION } from './sqlite-identities.ts';

/** The proxy's database, step by step. Only ever append: a step that was released is never edited. */
export const PROXY_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE accounts (
    username        TEXT PRIMARY KEY,
    groups          TEXT NOT NULL,              -- JSON array
    password_hash   TEXT NOT NULL,
    totp_secret     TEXT NOT NULL,
    totp_spent_step INTEGER NOT NULL DEFAULT 0, -- the latest time step whose code was used
    disabled        INTEGER NOT NULL DEFAULT 0,
    created_at_ms   INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE registered_keys (
    fingerprint TEXT PRIMARY KEY,
    username    TEXT NOT NULL REFERENCES accounts (username),
    public_line TEXT NOT NULL,
    added_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX registered_keys_by_username ON registered_keys (username);

  CREATE TABLE logins (
    fingerprint   TEXT PRIMARY KEY,
    username      TEXT NOT NULL REFERENCES accounts (username),
    public_line   TEXT NOT NULL,
    amr           TEXT NOT NULL,                -- JSON array
    auth_time_ms  INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER
  ) STRICT;
  CREATE INDEX logins_by_username ON logins (username);
  CREATE INDEX logins_by_expiry ON logins (expires_at_ms);

  CREATE TABLE bastions (
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    public_jwk     TEXT NOT NULL,               -- JSON
    ssh_host_key   TEXT NOT NULL,
    fields         TEXT NOT NULL,               -- JSON object
    enrolled_at_ms INTEGER NOT NULL,
    revoked_at_ms  INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX bastions_by_name ON bastions (name) WHERE revoked_at_ms IS NULL;

  CREATE TABLE join_tokens (
    kid           TEXT PRIMARY KEY,
    public_jwk    TEXT NOT NULL,                -- JSON
    name          TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    spent_at_ms   INTEGER
  ) STRICT;
  `,
  `
  CREATE TABLE recovery_codes (
    username    TEXT NOT NULL REFERENCES accounts (username),
    hash        TEXT NOT NULL,                  -- SHA-256 over the user name and the code
    spent_at_ms INTEGER,
    PRIMARY KEY (username, hash)
  ) STRICT;

  CREATE TABLE security_keys (
    credential_id  TEXT PRIMARY KEY,            -- base64url
    username       TEXT NOT NULL REFERENCES accounts (username),
    name           TEXT NOT NULL,
    public_key     TEXT NOT NULL,               -- COSE, base64url
    counter        INTEGER NOT NULL,
    device_bound   INTEGER NOT NULL,            -- 0: the authenticator may copy it to others (a synced passkey)
    transports     TEXT NOT NULL,               -- JSON array
    added_at_ms    INTEGER NOT NULL,
    last_used_at_ms INTEGER
  ) STRICT;
  CREATE UNIQUE INDEX security_keys_by_name ON security_keys (username, name);

  CREATE TABLE registration_links (
    hash          TEXT PRIMARY KEY,             -- SHA-256 of the link's secret
    username      TEXT NOT NULL REFERENCES accounts (username),
    expires_at_ms INTEGER NOT NULL,
    spent_at_ms   INTEGER
  ) STRICT;

  CREATE TABLE devices (
    id              TEXT PRIMARY KEY,
    username        TEXT NOT NULL REFERENCES accounts (username),
    name            TEXT NOT NULL,
    public_jwk      TEXT NOT NULL,              -- JSON
    enrolled_at_ms  INTEGER NOT NULL,
    approved_at_ms  INTEGER,
    revoked_at_ms   INTEGER,
    last_used_at_ms INTEGER
  ) STRICT;
  CREATE INDEX devices_by_username ON devices (username);

  ALTER TABLE logins ADD COLUMN device_id TEXT;
  `,
  IDENTITIES_MIGRATION,
  'ALTER TABLE accounts ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;',
];
