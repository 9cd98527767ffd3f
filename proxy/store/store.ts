import type { Json } from '../../shared/audit/event.ts';
import type { PublicJwk } from '../../shared/identity/keys.ts';
import type { Account, NewAccount } from './account.ts';
import type { DeviceStore } from './device-store.ts';
import type { FactorStore } from './factor-store.ts';
import type { IdentityStore } from './identity-store.ts';

/** A public key that signs in together with a one-time code, from any stock client. */
export interface RegisteredKey {
  readonly fingerprint: string;
  readonly username: string;
  /** OpenSSH one-line public key. */
  readonly publicLine: string;
  readonly addedAtMs: number;
}

/** A short-lived key, made by a login with all factors; it needs no prompt until it expires. */
export interface Login {
  readonly fingerprint: string;
  readonly username: string;
  /** OpenSSH one-line public key, `ssh-ed25519`. */
  readonly publicLine: string;
  /** What was proven (RFC 8176). */
  readonly amr: readonly string[];
  readonly authTimeMs: number;
  readonly expiresAtMs: number;
  /** Id of the device whose key was proven at the login, approved or not. */
  readonly deviceId?: string;
  /** Set when the operator logged out, or was disabled. */
  readonly endedAtMs?: number;
}

/** A customer's bastion whose key is pinned here. */
export interface EnrolledBastion {
  readonly id: string;
  /** What operators write after the host's name: `web-1.acme`. */
  readonly name: string;
  readonly publicJwk: PublicJwk;
  /** OpenSSH one-line public key of its SSH server. */
  readonly sshHostKey: string;
  /** What it said about itself (version, platform). */
  readonly fields: { readonly [key: string]: Json | undefined };
  readonly enrolledAtMs: number;
  readonly revokedAtMs?: number;
}

/** The public half of a join token; the token itself is shown once and kept nowhere. */
export interface StoredJoinToken {
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  /** The name that the bastion gets. */
  readonly name: string;
  readonly expiresAtMs: number;
  readonly spentAtMs?: number;
}

/** Accounts and the keys that were registered for them. */
export interface AccountStore {
  /** @throws `user.exists`. */
  addAccount(account: NewAccount): Promise<void>;
  findAccount(username: string): Promise<Account | undefined>;
  listAccounts(): Promise<readonly Account[]>;
  /** Disables the account, ends its logins and begins a new epoch in one step. False when there is no such account. */
  disableAccount(username: string, nowMs: number): Promise<boolean>;
  /** False when there is no such account. */
  enableAccount(username: string): Promise<boolean>;
  /** False when there is no such account. */
  replaceGroups(username: string, groups: readonly string[]): Promise<boolean>;
  /** A new secret for one-time codes; ends the account's logins and begins a new epoch in one step. False when there is no such account. */
  replaceTotpSecret(username: string, totpSecret: string, nowMs: number): Promise<boolean>;
  /** True for exactly one caller per time step, and never for a step at or before one that was spent. */
  spendTimeStep(username: string, timeStep: number): Promise<boolean>;
  /** @throws `key.exists`. */
  addKey(key: RegisteredKey): Promise<void>;
  findKey(fingerprint: string): Promise<RegisteredKey | undefined>;
  listKeys(username?: string): Promise<readonly RegisteredKey[]>;
  /** False when the user has no such key. */
  removeKey(username: string, fingerprint: string): Promise<boolean>;
}

/** Logins that are valid or were. */
export interface LoginStore {
  /**
   * Adds the login of an operator whose factors were checked in `epoch` of the account.
   * @returns false when the account has been disabled or its second factor was reset since; then nothing has changed
   * @throws `key.exists` when the key has been used for a login before.
   */
  addLogin(login: Login, epoch: number): Promise<boolean>;
  findLogin(fingerprint: string): Promise<Login | undefined>;
  /** Notes that the login's key is used on this device, unless it is known to be used on one already. */
  bindDevice(fingerprint: string, deviceId: string): Promise<void>;
  endLogin(fingerprint: string, nowMs: number): Promise<void>;
  /** Fingerprints of the logins that are used on the device. */
  loginsOnDevice(deviceId: string): Promise<readonly string[]>;
  /** Forgets logins that expired before `beforeMs`; says how many. */
  forgetLogins(beforeMs: number): Promise<number>;
}

/** Bastions, and the tokens with which they join. */
export interface EnrolmentStore {
  addJoinToken(token: StoredJoinToken): Promise<void>;
  findJoinToken(kid: string): Promise<StoredJoinToken | undefined>;
  /**
   * Spends the token and enrols the bastion in one step. `spent` when somebody else spent it, `name_taken` when
   * another bastion has the name, `id_taken` when the id is enrolled already; then nothing has changed.
   */
  enrol(kid: string, bastion: EnrolledBastion): Promise<'enrolled' | 'spent' | 'name_taken' | 'id_taken'>;
  /** Also finds revoked ones. */
  findBastion(id: string): Promise<EnrolledBastion | undefined>;
  /** Finds only those that are not revoked. */
  findBastionByName(name: string): Promise<EnrolledBastion | undefined>;
  listBastions(): Promise<readonly EnrolledBastion[]>;
  /** Pins the bastion's new key in place of the old one. False when another one is pinned, or it was revoked. */
  succeedBastion(id: string, keys: { readonly from: PublicJwk; readonly to: PublicJwk }): Promise<boolean>;
  /** Pins another SSH host key of a bastion. */
  pinHostKey(id: string, sshHostKey: string): Promise<void>;
  /** False when it was revoked already, or never enrolled. */
  revokeBastion(id: string, nowMs: number): Promise<boolean>;
}

/**
 * All that a second proxy node would have to share with this one, as it is kept. The default is SQLite
 * (`sqlite-store.ts`). Which node holds which tunnel is `Directory`'s.
 */
export interface Store {
  readonly accounts: AccountStore;
  readonly logins: LoginStore;
  readonly factors: FactorStore;
  readonly devices: DeviceStore;
  readonly identities: IdentityStore;
  readonly enrolments: EnrolmentStore;
  close(): Promise<void>;
}
