import type { AuditSink, Json } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { LOGIN_LIFETIME_MAX_S } from '../../shared/identity/claims.ts';
import { parsePublicLine } from '../../shared/ssh/keys.ts';
import type { Login, Store } from '../store/store.ts';
import type { Relays } from '../tunnels/relays.ts';
import type { Devices } from './devices.ts';
import { tooManyTries } from './login-refusals.ts';
import type { ProvenOperator } from './operators.ts';
import type { Refusals } from './refusals.ts';
import { PASSWORD_AND_CODE_AMR, type SignIn } from './sign-in.ts';

/** The key that a login lets in, and for how long; the same whatever the operator is known by. */
export interface LoginKey {
  /** OpenSSH one-line public key, made for this login. */
  readonly publicKey: string;
  /** The operator's address. */
  readonly source: string;
  /** A shorter life than what is configured. */
  readonly lifetimeMs?: number;
  /** Proof that the login comes from an enrolled device; see `devices.ts`. */
  readonly deviceProof?: string;
}

/** What an operator sends to log in. */
export interface LoginRequest extends LoginKey {
  readonly username: string;
  readonly password: string;
  readonly code: string;
}

/** An operator whose factors have been checked, by whichever way. */
export interface CheckedOperator {
  readonly username: string;
  /** The account's epoch in which they were. */
  readonly epoch: number;
  /** What was proven (RFC 8176). */
  readonly amr: readonly string[];
  /** The way, for the audit log: `login` (password and code), `security_key`, … */
  readonly by: string;
  /** When the factors were proven, if not just now. */
  readonly authTimeMs?: number;
  /** What else the audit log should say of it. */
  readonly details?: Readonly<Record<string, Json>>;
}

/** Shortest login that may be asked for. */
export const LOGIN_LIFETIME_MIN_MS = 60_000;

/** An expired login is remembered for so long, to tell its holder that it expired and to refuse its key again. */
const REMEMBER_EXPIRED_MS = 7 * 24 * 3_600_000;

/** Turns proven factors into short-lived keys, and ends them again. */
export class Logins {
  readonly #store: Store;
  readonly #signIn: SignIn;
  readonly #devices: Devices;
  readonly #relays: Relays;
  readonly #refusals: Refusals;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #lifetimeMs: number;

  constructor(parts: {
    readonly store: Store;
    readonly signIn: SignIn;
    readonly devices: Devices;
    readonly relays: Relays;
    readonly refusals: Refusals;
    readonly audit: AuditSink;
    readonly clock: Clock;
    /** How long a login lasts; cut to 8 h. */
    readonly lifetimeMs: number;
  }) {
    this.#store = parts.store;
    this.#signIn = parts.signIn;
    this.#devices = parts.devices;
    this.#relays = parts.relays;
    this.#refusals = parts.refusals;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
    this.#lifetimeMs = Math.min(parts.lifetimeMs, LOGIN_LIFETIME_MAX_S * 1000);
  }

  /**
   * Checks password and code and lets the key in for the login's lifetime.
   * @throws `login.refused` for every wrong factor alike, `login.limited`, `login.busy`, and what {@link start} throws.
   */
  async login(request: LoginRequest): Promise<Login> {
    requireLoginKey(request.publicKey);
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
    return this.start(
      {
        username,
        epoch: result.account.epoch,
        amr: PASSWORD_AND_CODE_AMR,
        by: 'login',
        ...(result.recovery ? { details: { recoveryCode: true } } : {}),
      },
      request,
    );
  }

  /**
   * Lets the key in of an operator whose factors the caller has checked, account included.
   * @throws `login.key_type`, `ssh.invalid_key`, `key.exists`, `device.refused`, `device.revoked`,
   *   `operator.login_ended` when an administrator has ended it meanwhile, `audit.unavailable`.
   */
  async start(checked: CheckedOperator, request: LoginKey): Promise<Login> {
    const key = requireLoginKey(request.publicKey);
    const { username, amr, by } = checked;
    const { source, deviceProof } = request;
    const deviceId =
      deviceProof === undefined
        ? undefined
        : await this.#devices.prove(deviceProof, { username, fingerprint: key.fingerprint, source });
    await this.#requireFreshKey(key.fingerprint);
    const nowMs = this.#clock.nowMs();
    const { authTimeMs = nowMs } = checked;
    const lifetimeMs = Math.max(
      LOGIN_LIFETIME_MIN_MS,
      Math.min(this.#lifetimeMs, request.lifetimeMs ?? this.#lifetimeMs),
    );
    const login: Login = {
      fingerprint: key.fingerprint,
      username,
      publicLine: `${key.type} ${key.blob.toString('base64')}`,
      amr,
      authTimeMs,
      expiresAtMs: Math.min(nowMs + lifetimeMs, authTimeMs + LOGIN_LIFETIME_MAX_S * 1000),
      ...(deviceId === undefined ? {} : { deviceId }),
    };
    await this.#audit.append({
      type: 'operator.signed_in',
      actor: `operator:${username}`,
      operator: username,
      by,
      source,
      amr,
      fingerprint: login.fingerprint,
      expiresAt: new Date(login.expiresAtMs).toISOString(),
      ...(deviceId === undefined ? {} : { device: deviceId }),
      ...checked.details,
    });
    if (!(await this.#store.logins.addLogin(login, checked.epoch))) {
      await this.#refusals.add({
        type: 'operator.refused',
        reason: 'ended_meanwhile',
        source,
        operator: username,
        by,
        fingerprint: login.fingerprint,
      });
      throw new DrawbridgeError('operator.login_ended', 'An administrator has ended this sign-in.', {
        hint: 'Ask the administrator of the proxy.',
      });
    }
    await this.#store.logins.forgetLogins(nowMs - REMEMBER_EXPIRED_MS);
    return login;
  }

  /**
   * Ends the login: its key opens nothing from now on, and what it has open is cut; says how many that were.
   * @throws `audit.unavailable`.
   */
  async logout(operator: ProvenOperator, source: string): Promise<number> {
    const { username, fingerprint } = operator;
    await this.#audit.append({
      type: 'operator.signed_out',
      actor: `operator:${username}`,
      operator: username,
      source,
      fingerprint,
    });
    await this.#store.logins.endLogin(fingerprint, this.#clock.nowMs());
    return this.#relays.cut({ username, fingerprint }, 'You have logged out.');
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

/** The key that is to be let in. @throws `login.key_type`, `ssh.invalid_key`. */
export function requireLoginKey(publicKey: string): ReturnType<typeof parsePublicLine> {
  const key = parsePublicLine(publicKey);
  if (key.type === 'ssh-ed25519') return key;
  throw new DrawbridgeError('login.key_type', `A login takes an ssh-ed25519 key, not ${key.type}.`);
}

function refused(reason: string, waitMs: number | undefined): DrawbridgeError {
  if (reason === 'limited') return tooManyTries(waitMs ?? 0);
  return new DrawbridgeError('login.refused', 'User name, password or code is wrong.', {
    hint: 'A code can be used once; wait for the next one. If it goes on, `drawbridge doctor` tells of a wrong clock, and the administrator of the proxy finds the reason.',
  });
}
