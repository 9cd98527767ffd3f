import type { PasswordHasher } from '../../shared/accounts/password-hasher.ts';
import type { SignInLimit } from '../../shared/accounts/sign-in-limit.ts';
import type { Clock } from '../../shared/clock.ts';
import type { Account } from '../store/account.ts';
import type { FactorStore } from '../store/factor-store.ts';
import type { AccountStore } from '../store/store.ts';
import { spendCode } from './one-time-code.ts';

/** Why somebody was not signed in; for the audit log, since most of it is nobody's business outside. */
export type SignInRefusal =
  | 'unknown_user'
  | 'wrong_password'
  | 'wrong_code'
  | 'spent_code'
  | 'disabled'
  | 'limited';

export type SignInResult =
  /** `recovery`: a recovery code stood in for the authenticator. */
  | { readonly ok: true; readonly account: Account; readonly recovery: boolean }
  /** `waitMs` only with `limited`. */
  | { readonly ok: false; readonly reason: SignInRefusal; readonly waitMs?: number };

/** What was proven by a password and a one-time code (RFC 8176). */
export const PASSWORD_AND_CODE_AMR: readonly string[] = ['pwd', 'otp', 'mfa'];
/** What was proven by a registered key in software and a one-time code (RFC 8176). */
export const KEY_AND_CODE_AMR: readonly string[] = ['swk', 'otp', 'mfa'];

/** Checks the factors of one sign-in. It writes no audit event: whoever asks knows the circumstances. */
export class SignIn {
  readonly #accounts: AccountStore;
  readonly #factors: Pick<FactorStore, 'spendRecoveryCode'>;
  readonly #passwords: PasswordHasher;
  readonly #limit: SignInLimit;
  readonly #clock: Clock;

  constructor(parts: {
    readonly accounts: AccountStore;
    readonly factors: Pick<FactorStore, 'spendRecoveryCode'>;
    readonly passwords: PasswordHasher;
    readonly limit: SignInLimit;
    readonly clock: Clock;
  }) {
    this.#accounts = parts.accounts;
    this.#factors = parts.factors;
    this.#passwords = parts.passwords;
    this.#limit = parts.limit;
    this.#clock = parts.clock;
  }

  /**
   * Password and one-time code. The code is spent only when the password is right too. An account that does not
   * exist takes as long as one that does.
   * @throws `login.busy`
   */
  async withPassword(attempt: {
    readonly username: string;
    readonly password: string;
    readonly code: string;
    readonly address: string;
  }): Promise<SignInResult> {
    const { username, address } = attempt;
    const counted = { name: `password ${username}`, address };
    const verdict = this.#limit.begin(counted.name, address);
    if (!verdict.allowed) return { ok: false, reason: 'limited', waitMs: verdict.retryAfterMs };
    const account = await this.#accounts.findAccount(username);
    const right = await this.#passwords.verify(attempt.password, account?.passwordHash);
    if (!account) return { ok: false, reason: 'unknown_user' };
    if (!right) return { ok: false, reason: 'wrong_password' };
    return this.#finish(account, attempt.code, counted);
  }

  /** One-time code alone: the caller has checked that the operator holds a key registered for `username`. */
  async withCode(attempt: {
    readonly username: string;
    readonly code: string;
    readonly address: string;
  }): Promise<SignInResult> {
    const { username, address } = attempt;
    // Counted apart from passwords: strangers can fail with those, but here only holders of the key.
    const counted = { name: `key ${username}`, address };
    const verdict = this.#limit.begin(counted.name, address);
    if (!verdict.allowed) return { ok: false, reason: 'limited', waitMs: verdict.retryAfterMs };
    const account = await this.#accounts.findAccount(username);
    if (!account) return { ok: false, reason: 'unknown_user' };
    return this.#finish(account, attempt.code, counted);
  }

  async #finish(
    account: Account,
    code: string,
    counted: { readonly name: string; readonly address: string },
  ): Promise<SignInResult> {
    if (account.disabled) return { ok: false, reason: 'disabled' };
    const stores = { accounts: this.#accounts, factors: this.#factors };
    const checked = await spendCode(stores, account, code, this.#clock);
    if (checked === 'wrong' || checked === 'spent') return { ok: false, reason: `${checked}_code` };
    this.#limit.succeeded(counted.name, counted.address);
    return { ok: true, account, recovery: checked === 'right_recovery' };
  }
}
