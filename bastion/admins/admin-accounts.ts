import type { AuthenticationResponseJSON } from '@simplewebauthn/server';
import { generatePassword, PasswordHasher } from '../../shared/accounts/password-hasher.ts';
import { type AttemptVerdict, SignInLimit } from '../../shared/accounts/sign-in-limit.ts';
import { enterBeside } from '../../shared/audit/enter-beside.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type Logger, silentLogger } from '../../shared/log.ts';
import type { Database } from '../../shared/store/database.ts';
import { checkNewAccount } from './account-rules.ts';
import { AdminAdministration } from './administration.ts';
import { type ApiTokenInfo, ApiTokens } from './api-tokens.ts';
import { LateEvents } from './late-events.ts';
import { codeStep, createTotpSecret, totpUri } from './one-time-code.ts';
import type { AdminRole } from './role.ts';
import { type KeyVerdict, SecurityKeys } from './security-keys.ts';
import { ADMIN_HASHING, ADMIN_SIGN_IN_RATES } from './sign-in-rates.ts';
import { WebSessions } from './web-sessions.ts';

/** What is kept of the id of a credential to count attempts with it. */
const COUNTED_CHARACTERS = 128;

/** An administrator, as the rest of the bastion knows them. */
export interface Admin {
  readonly username: string;
  readonly role: AdminRole;
}

/** What a new administrator needs to sign in. Shown once. */
export interface NewAdminCredentials {
  readonly password: string;
  readonly totpSecret: string;
  readonly totpUri: string;
}

interface AdminRow {
  readonly username: string;
  readonly role: AdminRole;
  readonly password_hash: string;
  readonly totp_secret: string;
}

type RefusalReason =
  | Extract<KeyVerdict, { refused: string }>['refused']
  | 'unknown_account'
  | 'wrong_password'
  | 'wrong_code'
  | 'spent_code'
  | 'too_many_attempts';

/**
 * The customer's administrators: their accounts, sign-ins and API tokens.
 *
 * A sign-in needs name, password and a one-time code that was not used before. Whichever is wrong, the refusal reads
 * and takes the same; the audit log tells the customer which it was.
 */
export class AdminAccounts {
  readonly sessions: WebSessions;
  readonly tokens: ApiTokens;
  readonly securityKeys: SecurityKeys;
  /** Who is an administrator, and the links by which they set themselves up. */
  readonly administration: AdminAdministration;
  /** Events of sign-ins, also while the audit log can't be written. */
  readonly late: LateEvents;
  readonly #database: Database;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #issuer: string;
  readonly #passwords = new PasswordHasher(ADMIN_HASHING);
  readonly #limit: SignInLimit;
  /** Stands in for an unknown account's secret, so that checking its code takes as long. */
  readonly #decoySecret = createTotpSecret();

  constructor(options: {
    readonly database: Database;
    readonly audit: AuditSink;
    readonly clock: Clock;
    /** The bastion's name, as authenticator apps show it. */
    readonly bastionName: string;
    /** Where browsers reach the page. */
    readonly publicUrl: () => string;
    readonly log?: Logger;
  }) {
    this.#database = options.database;
    this.#audit = options.audit;
    this.#clock = options.clock;
    this.#issuer = `Drawbridge ${options.bastionName}`;
    this.late = new LateEvents({
      audit: options.audit,
      clock: options.clock,
      log: options.log ?? silentLogger(),
    });
    this.sessions = new WebSessions(options.database, options.clock);
    this.tokens = new ApiTokens(options.database, options.clock);
    this.#limit = new SignInLimit(options.clock, ADMIN_SIGN_IN_RATES);
    this.securityKeys = new SecurityKeys(options);
    const { publicUrl, database, audit, clock } = options;
    const parts = { database, audit, clock, publicUrl, issuer: this.#issuer, passwords: this.#passwords };
    this.administration = new AdminAdministration(parts);
  }

  /**
   * Makes an account; the password is generated when none is given. Audited as `user.added`.
   * @throws `admin.invalid_name`, `admin.invalid_password`, `admin.invalid_role`, `admin.exists`.
   */
  async create(
    account: { readonly username: string; readonly role: AdminRole; readonly password?: string },
    actor: Actor = 'system',
  ): Promise<NewAdminCredentials> {
    const password = account.password ?? generatePassword();
    checkNewAccount(account.username, account.role, password);
    const taken = () =>
      new DrawbridgeError('admin.exists', `There is an administrator named "${account.username}" already.`);
    if ((await this.#row(account.username)) !== undefined) throw taken();
    const passwordHash = await this.#passwords.hash(password);
    const totpSecret = createTotpSecret();
    await this.#audit.append({
      type: 'user.added',
      actor,
      username: account.username,
      role: account.role,
    });
    const { changes } = await this.#database.run(
      `INSERT INTO admins (username, role, password_hash, totp_secret, created_at) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (username) DO NOTHING`,
      [account.username, account.role, passwordHash, totpSecret, this.#clock.nowMs()],
    );
    if (changes === 0) throw taken();
    return { password, totpSecret, totpUri: totpUri(totpSecret, account.username, this.#issuer) };
  }

  /** All accounts by name. */
  async list(): Promise<readonly Admin[]> {
    return this.#database.all<Admin>('SELECT username, role FROM admins ORDER BY username');
  }

  /**
   * Checks a sign-in and spends its code. `address` is where it comes from. Audited as `admin.signed_in` or
   * `admin.refused`, the latter with the true reason.
   * Neither waits for an audit log that can't be written; see {@link LateEvents}.
   * @throws `login.refused` whatever was wrong, `login.too_many_attempts`, `login.busy`.
   */
  async verify(username: string, password: string, code: string, address: string): Promise<Admin> {
    const name = username.trim().toLowerCase();
    const verdict = this.#limit.begin(name, address);
    if (!verdict.allowed) await this.#refuseFlood(verdict, name, address);
    const row = await this.#row(name);
    const passwordIsRight = await this.#passwords.verify(password, row?.password_hash);
    const step = codeStep(row?.totp_secret ?? this.#decoySecret, code, this.#clock.nowMs());
    if (row === undefined) return this.#refuse('unknown_account', undefined, address);
    if (!passwordIsRight) return this.#refuse('wrong_password', name, address);
    if (step === undefined) return this.#refuse('wrong_code', name, address);
    if (!(await this.#spendCode(name, step))) return this.#refuse('spent_code', name, address);
    await this.late.append({ type: 'admin.signed_in', actor: `admin:${name}`, source: address });
    this.#limit.succeeded(name, address);
    return { username: row.username, role: row.role };
  }

  /**
   * Checks a sign-in by security key, which is two factors in one. Limited and audited like {@link verify}.
   * @throws `login.refused`, `login.too_many_attempts`, `security_key.no_domain`.
   */
  async verifyKey(response: AuthenticationResponseJSON, address: string): Promise<Admin> {
    const counted = `security key ${response.id.slice(0, COUNTED_CHARACTERS)}`;
    const verdict = this.#limit.begin(counted, address);
    if (!verdict.allowed) await this.#refuseFlood(verdict, counted, address);
    const found = await this.securityKeys.verify(response);
    if ('refused' in found) return this.#refuse(found.refused, found.username, address);
    const row = await this.#row(found.username);
    if (row === undefined) return this.#refuse('unknown_account', undefined, address);
    const { username, role } = row;
    await this.late.append({
      type: 'admin.signed_in',
      actor: `admin:${username}`,
      source: address,
      by: 'security_key',
      key: found.key,
    });
    this.#limit.succeeded(counted, address);
    return { username, role };
  }

  /** Ends a sign-in by its cookie's secret. Audited as `admin.signed_out`. */
  async signOut(username: string, secret: string): Promise<void> {
    await this.sessions.close(secret);
    await this.late.append({ type: 'admin.signed_out', actor: `admin:${username}` });
  }

  /**
   * Ends all sign-ins of one administrator, local or of a directory, whose next one is then asked for. Audited as
   * `user.changed`, beside it: a right that is taken away waits for no log. @throws `audit.unavailable`
   */
  async endSignIns(actor: Actor, username: string): Promise<number> {
    const event = { type: 'user.changed', actor, username, kind: 'admin', change: 'signed_out' } as const;
    const entered = enterBeside(this.#audit, event);
    const ended = await this.sessions.endOf(username);
    await entered;
    return ended;
  }

  /** Makes an API token. Audited as `token.created`. @throws `api_token.exists`, `api_token.too_many`. */
  async createToken(actor: Actor, name: string, role: AdminRole): Promise<ApiTokenInfo & { secret: string }> {
    await this.#audit.append({ type: 'token.created', actor, kind: 'api', name, role });
    return this.tokens.create(name, role, actor);
  }

  /** Revokes an API token, and those that were made with it. Audited as `user.changed`. @throws `api_token.not_found`. */
  async revokeToken(actor: Actor, name: string): Promise<void> {
    const apiTokens = await this.tokens.madeWith(name);
    await this.#audit.append({
      type: 'user.changed',
      actor,
      kind: 'api_token',
      name,
      change: 'revoked',
      ...(apiTokens.length === 0 ? {} : { apiTokens }),
    });
    await this.tokens.revoke(name);
  }

  /** One statement decides, so that of two sign-ins with the same code only one gets in. */
  async #spendCode(username: string, step: number): Promise<boolean> {
    const { changes } = await this.#database.run(
      'UPDATE admins SET last_code_step = ? WHERE username = ? AND last_code_step < ?',
      [step, username, step],
    );
    return changes === 1;
  }

  /** An unknown name stays out of the log: people type passwords into the wrong field. */
  async #refuse(reason: RefusalReason, username: string | undefined, address: string): Promise<never> {
    await this.late.append({
      type: 'admin.refused',
      actor: username === undefined ? 'system' : `admin:${username}`,
      source: address,
      reason,
    });
    if (reason.includes('key')) {
      throw new DrawbridgeError('login.refused', 'The security key was not accepted.', {
        hint: 'Use a key that is registered here, with its PIN, finger or face, or sign in with password and code.',
      });
    }
    throw new DrawbridgeError('login.refused', 'The name, the password or the code is not right.', {
      hint: 'A code works once: wait until your authenticator app shows a new one, then try again.',
    });
  }

  async #refuseFlood(
    verdict: Extract<AttemptVerdict, { allowed: false }>,
    name: string,
    address: string,
  ): Promise<never> {
    if (verdict.first) {
      const known = (await this.#row(name)) !== undefined;
      await this.late.append({
        type: 'admin.refused',
        actor: known ? `admin:${name}` : 'system',
        source: address,
        reason: 'too_many_attempts' satisfies RefusalReason,
      });
    }
    const waitS = Math.ceil(verdict.retryAfterMs / 1000);
    throw new DrawbridgeError('login.too_many_attempts', 'There were too many attempts to sign in.', {
      hint: `Try again in ${waitS} seconds.`,
    });
  }

  #row(username: string): Promise<AdminRow | undefined> {
    return this.#database.get<AdminRow>(
      'SELECT username, role, password_hash, totp_secret FROM admins WHERE username = ?',
      [username],
    );
  }
}
