import { generatePassword, type PasswordHasher } from '../../shared/accounts/password-hasher.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Database } from '../../shared/store/database.ts';
import { checkNewAccount, checkPassword } from './account-rules.ts';
import { createBearerSecret, hashBearerSecret } from './bearer-secret.ts';
import { codeStep, createTotpSecret, totpUri } from './one-time-code.ts';
import type { AdminRole } from './role.ts';
import { tokensBeyond } from './token-descent.ts';
import { WEB_SESSION_IDLE_MS } from './web-sessions.ts';

/** How long a set-up link is good. */
export const SETUP_LINK_LIFETIME_MS = 24 * 3_600_000;

/** An administrator, as the others see them. */
export interface AdminInfo {
  readonly username: string;
  readonly role: AdminRole;
  readonly createdAtMs: number;
  readonly securityKeys: number;
  readonly signIns: number;
  /** Until when a set-up link waits to be used. */
  readonly setupUntilMs?: number;
}

/** A link by which somebody chooses their password and sets up their authenticator. Shown once. */
export interface SetupLink {
  readonly username: string;
  readonly url: string;
  readonly expiresAtMs: number;
}

/** What the page shows to who has the link. */
export interface OpenedSetup {
  readonly username: string;
  readonly role: AdminRole;
  readonly totpSecret: string;
  readonly totpUri: string;
}

/** Adds, changes and removes administrators. What they sign in with, they choose themselves, by a link that is good once. */
export class AdminAdministration {
  readonly #database: Database;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #publicUrl: () => string;
  readonly #issuer: string;
  readonly #passwords: PasswordHasher;

  constructor(options: {
    readonly database: Database;
    readonly audit: AuditSink;
    readonly clock: Clock;
    readonly publicUrl: () => string;
    readonly issuer: string;
    readonly passwords: PasswordHasher;
  }) {
    this.#database = options.database;
    this.#audit = options.audit;
    this.#clock = options.clock;
    this.#publicUrl = options.publicUrl;
    this.#issuer = options.issuer;
    this.#passwords = options.passwords;
  }

  async list(): Promise<readonly AdminInfo[]> {
    const nowMs = this.#clock.nowMs();
    const rows = await this.#database.all<{
      username: string;
      role: AdminRole;
      created_at: number;
      security_keys: number;
      sign_ins: number;
      setup_until: number | null;
    }>(
      `SELECT username, role, created_at,
         (SELECT COUNT(*) FROM admin_security_keys k WHERE k.username = a.username) AS security_keys,
         (SELECT COUNT(*) FROM admin_sessions s WHERE s.username = a.username AND s.expires_at > ? AND s.last_seen_at > ?) AS sign_ins,
         (SELECT expires_at FROM admin_setup_links l WHERE l.username = a.username AND l.expires_at > ?) AS setup_until
       FROM admins a ORDER BY username`,
      [nowMs, nowMs - WEB_SESSION_IDLE_MS, nowMs],
    );
    return rows.map((row) => ({
      username: row.username,
      role: row.role,
      createdAtMs: row.created_at,
      securityKeys: row.security_keys,
      signIns: row.sign_ins,
      ...(row.setup_until === null ? {} : { setupUntilMs: row.setup_until }),
    }));
  }

  /**
   * Makes an account that nobody can sign in to before its link was used. Audited as `user.added`.
   * @throws `admin.invalid_name`, `admin.invalid_role`, `admin.exists`.
   */
  async add(actor: Actor, username: string, role: AdminRole): Promise<SetupLink> {
    const unknown = generatePassword();
    checkNewAccount(username, role, unknown);
    const taken = new DrawbridgeError(
      'admin.exists',
      `There is an administrator named "${username}" already.`,
    );
    if ((await this.#roleOf(username)) !== undefined) throw taken;
    const passwordHash = await this.#passwords.hash(unknown);
    await this.#audit.append({ type: 'user.added', actor, username, role });
    const { changes } = await this.#database.run(
      `INSERT INTO admins (username, role, password_hash, totp_secret, created_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (username) DO NOTHING`,
      [username, role, passwordHash, createTotpSecret(), this.#clock.nowMs()],
    );
    if (changes === 0) throw taken;
    return this.#makeLink(username);
  }

  /** A new link for an account that is there; an earlier one counts no more. Audited as `user.changed`. @throws `admin.not_found`. */
  async link(actor: Actor, username: string): Promise<SetupLink> {
    await this.#require(username);
    await this.#audit.append({
      type: 'user.changed',
      actor,
      username,
      kind: 'admin',
      change: 'setup_link_made',
    });
    return this.#makeLink(username);
  }

  /**
   * API tokens that they have made end when these may do more than they themselves may now. Audited as `user.changed`.
   * @throws `admin.not_found`, `admin.last`.
   */
  async setRole(actor: Actor, username: string, role: AdminRole): Promise<void> {
    const old = await this.#require(username);
    if (old === role) return;
    const apiTokens = (await tokensBeyond(this.#database, `admin:${username}`, role)).map(({ name }) => name);
    await this.#audit.append({
      type: 'user.changed',
      actor,
      username,
      kind: 'admin',
      change: 'role',
      role,
      old,
      ...(apiTokens.length === 0 ? {} : { apiTokens }),
    });
    await this.#database.transaction(async (database) => {
      const { changes } = await database.run(
        `UPDATE admins SET role = ?1 WHERE username = ?2 AND (?1 = 'admin' OR ${ANOTHER_ADMIN})`,
        [role, username],
      );
      if (changes === 0) throw lastAdmin();
      await endTokens(database, username, role);
    });
  }

  /** Removes an account and ends its sign-ins and the API tokens that it has made. Audited as `user.changed`. @throws `admin.not_found`, `admin.last`. */
  async remove(actor: Actor, username: string): Promise<void> {
    await this.#require(username);
    const apiTokens = (await tokensBeyond(this.#database, `admin:${username}`)).map(({ name }) => name);
    await this.#audit.append({
      type: 'user.changed',
      actor,
      username,
      kind: 'admin',
      change: 'removed',
      ...(apiTokens.length === 0 ? {} : { apiTokens }),
    });
    await this.#database.transaction(async (database) => {
      const { changes } = await database.run(
        `DELETE FROM admins WHERE username = ?2 AND (role <> ?1 OR ${ANOTHER_ADMIN})`,
        ['admin', username],
      );
      if (changes === 0) throw lastAdmin();
      await endTokens(database, username);
    });
  }

  /** Whose link it is and what their authenticator is to read. @throws `setup.refused`. */
  async open(secret: string): Promise<OpenedSetup> {
    const { username, role, totpSecret } = await this.#opened(secret);
    return { username, role, totpSecret, totpUri: totpUri(totpSecret, username, this.#issuer) };
  }

  /**
   * Spends the link: password and authenticator are new, security keys and sign-ins of before are gone. Audited as
   * `user.changed`. @throws `setup.refused`, `setup.wrong_code`, `admin.invalid_password`, `login.busy`.
   */
  async complete(
    secret: string,
    password: string,
    code: string,
    address: string,
  ): Promise<{ readonly username: string; readonly role: AdminRole }> {
    const { username, role, totpSecret } = await this.#opened(secret);
    checkPassword(password);
    const step = codeStep(totpSecret, code, this.#clock.nowMs());
    if (step === undefined) {
      throw new DrawbridgeError('setup.wrong_code', 'The code is not the one that your app shows now.', {
        hint: "Check that the app has this page's secret and that the clock of your phone is right.",
      });
    }
    const passwordHash = await this.#passwords.hash(password);
    await this.#audit.append({
      type: 'user.changed',
      actor: `admin:${username}`,
      username,
      kind: 'admin',
      change: 'set_up',
      source: address,
    });
    const isSpent = await this.#database.transaction(async (database) => {
      const { changes } = await database.run('DELETE FROM admin_setup_links WHERE secret_hash = ?', [
        hashBearerSecret(secret),
      ]);
      if (changes === 0) return false;
      await database.run(
        'UPDATE admins SET password_hash = ?, totp_secret = ?, last_code_step = ? WHERE username = ?',
        [passwordHash, totpSecret, step, username],
      );
      await database.run('DELETE FROM admin_security_keys WHERE username = ?', [username]);
      await database.run('DELETE FROM admin_sessions WHERE username = ?', [username]);
      return true;
    });
    if (!isSpent) throw linkRefused();
    return { username, role };
  }

  async #opened(secret: string): Promise<{ username: string; role: AdminRole; totpSecret: string }> {
    const row = await this.#database.get<{ username: string; role: AdminRole; totp_secret: string }>(
      `SELECT l.username, a.role, l.totp_secret FROM admin_setup_links l JOIN admins a ON a.username = l.username
       WHERE l.secret_hash = ? AND l.expires_at > ?`,
      [hashBearerSecret(secret), this.#clock.nowMs()],
    );
    if (row === undefined) throw linkRefused();
    return { username: row.username, role: row.role, totpSecret: row.totp_secret };
  }

  async #makeLink(username: string): Promise<SetupLink> {
    const secret = createBearerSecret();
    const expiresAtMs = this.#clock.nowMs() + SETUP_LINK_LIFETIME_MS;
    await this.#database.run(
      `INSERT INTO admin_setup_links (username, secret_hash, totp_secret, expires_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (username) DO UPDATE SET secret_hash = excluded.secret_hash, totp_secret = excluded.totp_secret,
         expires_at = excluded.expires_at`,
      [username, hashBearerSecret(secret), createTotpSecret(), expiresAtMs],
    );
    // Behind `#`, so that it reaches no server's log.
    const url = `${this.#publicUrl().replace(/\/$/, '')}/set-up#${secret}`;
    return { username, url, expiresAtMs };
  }

  async #roleOf(username: string): Promise<AdminRole | undefined> {
    const row = await this.#database.get<{ role: AdminRole }>('SELECT role FROM admins WHERE username = ?', [
      username,
    ]);
    return row?.role;
  }

  async #require(username: string): Promise<AdminRole> {
    const role = await this.#roleOf(username);
    if (role === undefined) throw new DrawbridgeError('admin.not_found', 'There is no such administrator.');
    return role;
  }
}

/** One statement decides, so that two administrators can't remove each other at the same time. */
const ANOTHER_ADMIN = `EXISTS (SELECT 1 FROM admins other WHERE other.role = 'admin' AND other.username <> ?2)`;

/** Looked up again: one may have been made while the event was stored. */
async function endTokens(
  database: Pick<Database, 'all' | 'run'>,
  username: string,
  role?: AdminRole,
): Promise<void> {
  for (const { name } of await tokensBeyond(database, `admin:${username}`, role))
    await database.run('DELETE FROM api_tokens WHERE name = ?', [name]);
}

function lastAdmin(): DrawbridgeError {
  return new DrawbridgeError('admin.last', 'This is the only administrator with the role "admin".', {
    hint: 'Give that role to somebody else first.',
  });
}

function linkRefused(): DrawbridgeError {
  return new DrawbridgeError('setup.refused', 'This link was used already, or its time is over.', {
    hint: 'Ask an administrator for a new one, or make one on the machine: drawbridge bastion setup-link NAME',
  });
}
