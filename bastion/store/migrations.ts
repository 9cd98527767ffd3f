import { PROVIDED_SESSION_MIGRATION } from '../admins/provider/session-migration.ts';
import { SECURITY_KEY_MIGRATION } from '../admins/security-key-migration.ts';
import { ORPHANED_TOKENS_MIGRATION } from '../admins/token-descent.ts';
import { KEEPING_MIGRATION } from '../retention/keeping-migration.ts';
import { SHIPPING_MIGRATION } from '../shipping/ship-cursors.ts';
import { SEEN_PASSES_MIGRATION } from '../trust/seen-passes.ts';
import { ADMIN_MIGRATIONS } from './admin-migrations.ts';
import { APPROVALS_MIGRATION, GRANT_BOOT_MIGRATION } from './approval-migrations.ts';

/** Sessions and their recordings. Lists are paged by start, newest first, also for one operator or host. */
const SESSIONS = `
  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    operator TEXT NOT NULL,
    host TEXT NOT NULL,
    login TEXT NOT NULL,
    source TEXT,
    state TEXT NOT NULL CHECK (state IN ('live', 'ended', 'interrupted')),
    started_at TEXT NOT NULL,
    ended_at TEXT,
    end_reason TEXT,
    bytes_in INTEGER NOT NULL DEFAULT 0,
    bytes_out INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX sessions_by_start ON sessions (started_at DESC, id DESC);
  CREATE INDEX sessions_by_operator ON sessions (operator, started_at DESC, id DESC);
  CREATE INDEX sessions_by_host ON sessions (host, started_at DESC, id DESC);
  CREATE INDEX sessions_live ON sessions (started_at DESC, id DESC) WHERE state = 'live';
  CREATE TABLE recordings (
    session TEXT NOT NULL REFERENCES sessions (id),
    channel INTEGER NOT NULL,
    kind TEXT NOT NULL,
    command TEXT,
    started_at TEXT NOT NULL,
    duration_ms INTEGER,
    size_bytes INTEGER NOT NULL DEFAULT 0,
    sha256 TEXT,
    path TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('recording', 'closed', 'interrupted')),
    PRIMARY KEY (session, channel)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX recordings_open ON recordings (session) WHERE state = 'recording';
`;

/** Agents, the tokens that enrol them, and the host keys of sshds as they were first seen. */
const HOSTS = `
  CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    ssh_host_key TEXT NOT NULL,
    target TEXT NOT NULL CHECK (target IN ('builtin', 'sshd')),
    labels TEXT NOT NULL,
    version TEXT,
    platform TEXT,
    joined_at TEXT NOT NULL,
    last_seen_at TEXT,
    revoked_at TEXT
  ) STRICT;
  CREATE UNIQUE INDEX agents_by_name ON agents (name) WHERE revoked_at IS NULL;
  CREATE TABLE join_tokens (
    kid TEXT PRIMARY KEY,
    public_key TEXT NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_at TEXT
  ) STRICT;
  CREATE TABLE pinned_host_keys (
    host TEXT PRIMARY KEY,
    public_line TEXT NOT NULL,
    pinned_at TEXT NOT NULL
  ) STRICT;
`;

const POLICIES = `
  CREATE TABLE policies (
    version INTEGER PRIMARY KEY,
    applied_at TEXT NOT NULL,
    applied_by TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    text TEXT NOT NULL
  ) STRICT;
`;

const POLICY_MESSAGES = 'ALTER TABLE policies ADD COLUMN message TEXT;';

const SESSIONS_BY_LOGIN = 'CREATE INDEX sessions_by_login ON sessions (login, started_at DESC, id DESC);';

/** All migrations of `bastion.db`, in order. Only ever add to the end. */
export const BASTION_MIGRATIONS: readonly string[] = [
  ...ADMIN_MIGRATIONS,
  SESSIONS,
  HOSTS,
  POLICIES,
  SEEN_PASSES_MIGRATION,
  POLICY_MESSAGES,
  KEEPING_MIGRATION,
  SHIPPING_MIGRATION,
  APPROVALS_MIGRATION,
  GRANT_BOOT_MIGRATION,
  SESSIONS_BY_LOGIN,
  SECURITY_KEY_MIGRATION,
  PROVIDED_SESSION_MIGRATION,
  ORPHANED_TOKENS_MIGRATION,
];
