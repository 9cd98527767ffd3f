import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { LOGIN_LIFETIME_MAX_S } from '../../shared/identity/claims.ts';
import { parsePublicLine } from '../../shared/ssh/keys.ts';
import type { Login, Store } from '../store/store.ts';
import type { ProvenOperator } from './operators.ts';
import type { Refusals } from './refusals.ts';
import { PASSWORD_AND_CODE_AMR, type SignIn } from './sign-in.ts';

/** What an operator sends to log in. */
export interface LoginRequest {
  readonly username: string;
  readonly password: string;
  readonly code: string;
  /** OpenSSH one-line public key, made for this login. */
  readonly publicKey: string;
  /** The operator's address. */
  readonly source: string;
}

/** An expired login is remembered for so long, to tell its holder that it expired and to refuse its key again. */
const REMEMBER_EXPIRED_MS = 7 * 24 * 3_600_000;

/** Turns passwords and codes into short-lived keys, and ends them again. */
export class Logins {
  readonly #store: Store;
  readonly #signIn: SignIn;
  readonly #refusals: Refusals;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #lifetimeMs: number;

  constructor(parts: {
    readonly store: Store;
    readonly signIn: SignIn;
    readonly refusals: Refusals;
    readonly audit: AuditSink;
    readonly clock: Clock;
    /** How long a login lasts; cut to 8 h. */
    readonly lifetimeMs: number;
  }) {
    this.#store = parts.store;
    this.#signIn = parts.signIn;
    this.#refusals = parts.refusals;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
    this.#lifetimeMs = Math.min(parts.lifetimeMs, LOGIN_LIFETIME_MAX_S * 1000);
  }

  /**
   * Checks the factors and lets the key in for the login's lifetime.
   * @throws `login.refused` for every wrong factor alike, `login.limited`, `login.busy`, `login.key_type`,
   *   `ssh.invalid_key`, `key.exists`, `audit.unavailable`.
   */
  async login(request: LoginRequest): Promise<Login> {
    const key = parsePublicLine(request.publicKey);
    if (key.type !== 'ssh-ed25519') {
      throw new DrawbridgeError('login.key_type', `A login takes an ssh-ed25519 key, not ${key.type}.`);
    }
    const { username, source } = request;
    const result = await this.#signIn.withPassword({ ...request, address: source });
    if (!result.ok) {
      await this.#refusals.add({
        type: 'operator.refused',
        reason: result.reason,
        source,
        by: 'login',
        // A name that is not known is not told: people type passwords into the wrong field.
        ...(result.reason === 'unknown_user' ? {} : { operator: username }),
      });
      throw refused(result.reason, result.waitMs);
    }
    await this.#requireFreshKey(key.fingerprint);
    const nowMs = this.#clock.nowMs();
    const login: Login = {
      fingerprint: key.fingerprint,
      username,
      publicLine: `${key.type} ${key.blob.toString('base64')}`,
      amr: PASSWORD_AND_CODE_AMR,
      authTimeMs: nowMs,
      expiresAtMs: nowMs + this.#lifetimeMs,
    };
    await this.#audit.append({
      type: 'operator.signed_in',
      actor: `operator:${username}`,
      operator: username,
      by: 'login',
      source,
      amr: login.amr,
      fingerprint: login.fingerprint,
      expiresAt: new Date(login.expiresAtMs).toISOString(),
    });
    await this.#store.logins.addLogin(login);
    await this.#store.logins.forgetLogins(nowMs - REMEMBER_EXPIRED_MS);
    return login;
  }

  /** Ends the login: its key opens nothing from now on. What is open stays open. @throws `audit.unavailable`. */
  async logout(operator: ProvenOperator, source: string): Promise<void> {
    await this.#audit.append({
      type: 'operator.signed_out',
      actor: `operator:${operator.username}`,
      operator: operator.username,
      source,
      fingerprint: operator.fingerprint,
    });
    await this.#store.logins.endLogin(operator.fingerprint, this.#clock.nowMs());
  }

  async #requireFreshKey(fingerprint: string): Promise<void> {
    const known =
      (await this.#store.logins.findLogin(fingerprint)) ?? (await this.#store.accounts.findKey(fingerprint));
    if (!known) return;
    throw new DrawbridgeError('key.exists', 'This key has been used before.', {
      hint: 'Make a fresh key for each login.',
    });
  }
}

function refused(reason: string, waitMs: number | undefined): DrawbridgeError {
  if (reason !== 'limited') {
    return new DrawbridgeError('login.refused', 'User name, password or code is wrong.', {
      hint: 'A code can be used once; wait for the next one. If it goes on, ask the administrator of the proxy.',
    });
  }
  const waitS = Math.ceil((waitMs ?? 0) / 1000);
  return new DrawbridgeError('login.limited', 'There were too many failed tries.', {
    hint: `Try again in ${waitS} seconds.`,
  });
}
