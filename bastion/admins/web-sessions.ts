import type { Clock } from '../../shared/clock.ts';
import type { Database } from '../../shared/store/database.ts';
import { createBearerSecret, hashBearerSecret } from './bearer-secret.ts';
import type { AdminRole } from './role.ts';

/** A sign-in ends when nothing was asked for so long, */
export const WEB_SESSION_IDLE_MS = 30 * 60_000;
/** and in any case after so long. */
export const WEB_SESSION_LIFETIME_MS = 12 * 3_600_000;
/** Sign-ins of one administrator at once; one more ends the oldest. */
export const WEB_SESSIONS_PER_ADMIN = 20;
/** `last_seen_at` is written at most this often, so that reading a page does not write the database each time. */
const TOUCH_PERIOD_MS = 60_000;

/** Who is behind a cookie. */
export interface SignedIn {
  readonly sessionId: string;
  readonly username: string;
  readonly role: AdminRole;
  readonly expiresAtMs: number;
  /** Whether a directory vouched for them, so that there is no account of theirs here. */
  readonly provided: boolean;
}

/** A sign-in as its owner sees it. */
export interface WebSessionInfo {
  readonly id: string;
  readonly address: string;
  readonly createdAtMs: number;
  readonly lastSeenAtMs: number;
}

/** Somebody of the directory who is signed in, as the administrators see them. */
export interface ProvidedInfo {
  readonly username: string;
  /** Of their latest sign-in. */
  readonly role: AdminRole;
  readonly signIns: number;
  readonly lastSeenAtMs: number;
}

interface SessionRow {
  readonly username: string;
  /** Null when the account is gone. */
  readonly role: AdminRole | null;
  readonly account: string | null;
  readonly last_seen_at: number;
  readonly expires_at: number;
}

/** The administrators' sign-ins. The cookie holds a random secret, the database its hash. */
export class WebSessions {
  readonly #database: Database;
  readonly #clock: Clock;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#clock = clock;
  }

  /**
   * Starts a session and gives the cookie's value. `provided` is the role of somebody whom a directory vouched for, and
   * how long that holds; without it, the role is the account's, whatever that becomes.
   */
  async open(
    username: string,
    address: string,
    provided?: { readonly role: AdminRole; readonly lastsMs: number },
  ): Promise<{ secret: string; expiresAtMs: number }> {
    const nowMs = this.#clock.nowMs();
    const secret = createBearerSecret();
    const isProvided = provided !== undefined;
    const expiresAtMs = nowMs + (provided?.lastsMs ?? WEB_SESSION_LIFETIME_MS);
    await this.#database.run('DELETE FROM admin_sessions WHERE expires_at <= ? OR last_seen_at <= ?', [
      nowMs,
      nowMs - WEB_SESSION_IDLE_MS,
    ]);
    await this.#database.run(
      `INSERT INTO admin_sessions
         (token_hash, username, account, provided_role, address, created_at, last_seen_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        ...[hashBearerSecret(secret), username, isProvided ? null : username, provided?.role ?? null],
        ...[address, nowMs, nowMs, expiresAtMs],
      ],
    );
    await this.#database.run(
      `DELETE FROM admin_sessions WHERE username = ? AND token_hash NOT IN (
         SELECT token_hash FROM admin_sessions WHERE username = ? ORDER BY created_at DESC, rowid DESC LIMIT ?)`,
      [username, username, WEB_SESSIONS_PER_ADMIN],
    );
    return { secret, expiresAtMs };
  }

  /** Who `secret` stands for, if it still does. `touch` counts as activity and puts the idle sign-out off. */
  async find(secret: string, touch: boolean): Promise<SignedIn | undefined> {
    const nowMs = this.#clock.nowMs();
    const hash = hashBearerSecret(secret);
    const row = await this.#database.get<SessionRow>(
      `SELECT s.username, s.account, s.last_seen_at, s.expires_at,
         CASE WHEN s.account IS NULL THEN s.provided_role ELSE a.role END AS role
       FROM admin_sessions s LEFT JOIN admins a ON a.username = s.account WHERE s.token_hash = ?`,
      [hash],
    );
    if (row === undefined || row.role === null) return undefined;
    if (nowMs >= row.expires_at || nowMs - row.last_seen_at >= WEB_SESSION_IDLE_MS) return undefined;
    if (touch && nowMs - row.last_seen_at >= TOUCH_PERIOD_MS) {
      // Not to be able to note it must keep nobody from turning access off: the sign-in is only over a little earlier.
      await this.#database
        .run('UPDATE admin_sessions SET last_seen_at = ? WHERE token_hash = ?', [nowMs, hash])
        .catch(() => undefined);
    }
    return {
      sessionId: sessionIdOf(hash),
      username: row.username,
      role: row.role,
      expiresAtMs: row.expires_at,
      provided: row.account === null,
    };
  }

  /**
   * Ends the sessions of all whom a directory vouched for: their roles are as old as the configuration of then. Writes
   * nothing where there is none, so that a start does not hang on it.
   */
  async endProvided(): Promise<void> {
    const one = await this.#database.get('SELECT 1 FROM admin_sessions WHERE account IS NULL LIMIT 1');
    if (one === undefined) return;
    await this.#database.run('DELETE FROM admin_sessions WHERE account IS NULL');
  }

  /** Ends all sign-ins of one administrator, whoever vouched for them. Says how many there were. */
  async endOf(username: string): Promise<number> {
    return (await this.#database.run('DELETE FROM admin_sessions WHERE username = ?', [username])).changes;
  }

  /** The running sign-ins of one administrator, newest first. */
  async list(username: string): Promise<readonly WebSessionInfo[]> {
    const nowMs = this.#clock.nowMs();
    const rows = await this.#database.all<{
      token_hash: Uint8Array;
      address: string;
      created_at: number;
      last_seen_at: number;
    }>(
      `SELECT token_hash, address, created_at, last_seen_at FROM admin_sessions
       WHERE username = ? AND expires_at > ? AND last_seen_at > ? ORDER BY created_at DESC`,
      [username, nowMs, nowMs - WEB_SESSION_IDLE_MS],
    );
    return rows.map((row) => ({
      id: sessionIdOf(row.token_hash),
      address: row.address,
      createdAtMs: row.created_at,
      lastSeenAtMs: row.last_seen_at,
    }));
  }

  /** All whom a directory vouched for and whose sign-in is still good, by name. */
  async listProvided(): Promise<readonly ProvidedInfo[]> {
    const nowMs = this.#clock.nowMs();
    const rows = await this.#database.all<{ username: string; role: AdminRole; last_seen_at: number }>(
      `SELECT username, provided_role AS role, last_seen_at FROM admin_sessions
       WHERE account IS NULL AND expires_at > ? AND last_seen_at > ? ORDER BY username, created_at`,
      [nowMs, nowMs - WEB_SESSION_IDLE_MS],
    );
    const byName = new Map<string, ProvidedInfo>();
    for (const { username, role, last_seen_at } of rows) {
      const before = byName.get(username);
      byName.set(username, {
        username,
        role,
        signIns: (before?.signIns ?? 0) + 1,
        lastSeenAtMs: Math.max(before?.lastSeenAtMs ?? 0, last_seen_at),
      });
    }
    return [...byName.values()];
  }

  /** Ends the session behind a cookie, if there is one. */
  async close(secret: string): Promise<void> {
    await this.#database.run('DELETE FROM admin_sessions WHERE token_hash = ?', [hashBearerSecret(secret)]);
  }

  /** Ends one of `username`'s sessions by its id. False when there is none. */
  async revoke(username: string, id: string): Promise<boolean> {
    const { changes } = await this.#database.run(
      'DELETE FROM admin_sessions WHERE username = ? AND lower(hex(substr(token_hash, 1, 8))) = ?',
      [username, id],
    );
    return changes > 0;
  }
}

/** A name for a session that is no secret: half of half of its hash. */
function sessionIdOf(hash: Uint8Array): string {
  return Buffer.from(hash.subarray(0, 8)).toString('hex');
}
