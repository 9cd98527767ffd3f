import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { LOGIN_LIFETIME_MAX_S } from '../../shared/identity/claims.ts';
import type { Store } from '../store/store.ts';

/** Somebody who has shown who they are, on one connection, with one key. */
export interface ProvenOperator {
  readonly username: string;
  /** OpenSSH fingerprint of the key that was used, and that the bastion will ask for again. */
  readonly fingerprint: string;
  /** What was proven (RFC 8176). */
  readonly amr: readonly string[];
  readonly authTimeMs: number;
  /** `login`: a login's short-lived key; `code`: a registered key and a one-time code on this connection. */
  readonly by: 'login' | 'code';
}

/** How a key stands. Only its holder is told more than that it is not accepted. */
export type KeyStanding =
  | { readonly kind: 'login'; readonly operator: ProvenOperator; readonly publicLine: string }
  | { readonly kind: 'registered'; readonly username: string }
  | { readonly kind: 'ended'; readonly username: string; readonly why: 'expired' | 'logged_out' | 'disabled' }
  | { readonly kind: 'unknown' };

/** Says who an operator is and whether they still may, from what is stored at the moment of asking. */
export class Operators {
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** What the key with this fingerprint is good for now. */
  async standingOf(fingerprint: string): Promise<KeyStanding> {
    const login = await this.#store.logins.findLogin(fingerprint);
    if (login) {
      const { username, amr, authTimeMs, publicLine } = login;
      if (login.endedAtMs !== undefined) return { kind: 'ended', username, why: 'logged_out' };
      if (login.expiresAtMs <= this.#clock.nowMs()) return { kind: 'ended', username, why: 'expired' };
      const account = await this.#store.accounts.findAccount(username);
      if (!account || account.disabled) return { kind: 'ended', username, why: 'disabled' };
      return { kind: 'login', operator: { username, fingerprint, amr, authTimeMs, by: 'login' }, publicLine };
    }
    const key = await this.#store.accounts.findKey(fingerprint);
    if (!key) return { kind: 'unknown' };
    const account = await this.#store.accounts.findAccount(key.username);
    if (!account || account.disabled) return { kind: 'ended', username: key.username, why: 'disabled' };
    return { kind: 'registered', username: key.username };
  }

  /**
   * The groups that a pass may name, if the operator still may open anything: connections outlive logins.
   * @throws `operator.login_ended`
   */
  async groupsOf(operator: ProvenOperator): Promise<readonly string[]> {
    const standing = await this.standingOf(operator.fingerprint);
    const holds =
      operator.by === 'login'
        ? standing.kind === 'login' && standing.operator.username === operator.username
        : standing.kind === 'registered' &&
          standing.username === operator.username &&
          operator.authTimeMs + LOGIN_LIFETIME_MAX_S * 1000 > this.#clock.nowMs();
    const account = holds ? await this.#store.accounts.findAccount(operator.username) : undefined;
    if (!account || account.disabled) {
      throw new DrawbridgeError('operator.login_ended', 'Your login has ended.', {
        hint: 'Run `drawbridge login` and try again.',
      });
    }
    return account.groups;
  }
}
