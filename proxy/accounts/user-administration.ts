import { generatePassword, type PasswordHasher } from '../../shared/accounts/password-hasher.ts';
import { enterBeside } from '../../shared/audit/enter-beside.ts';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { parsePublicLine } from '../../shared/ssh/keys.ts';
import type { RegisteredKey, Store } from '../store/store.ts';
import type { Relays } from '../tunnels/relays.ts';
import { createTotpSecret, totpUriOf } from './one-time-code.ts';
import { createRecoveryCodes, recoveryCodeHash } from './recovery-codes.ts';
import { requireAccount, requireGroups, requirePassword, requireUsername } from './rules.ts';

/** Types of keys that may be registered; certificates and DSA are not among them. */
const REGISTRABLE_TYPES: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
]);

/** What makes codes for a user's second factor; shown once. */
export interface SecondFactor {
  readonly username: string;
  /** Base32. */
  readonly totpSecret: string;
  /** For a QR code. */
  readonly totpUri: string;
  /** Ten, single use each. */
  readonly recoveryCodes: readonly string[];
}

/** What a new user gets to see, once. */
export interface AddedUser extends SecondFactor {
  readonly groups: readonly string[];
  /** Only when it was generated. */
  readonly password?: string;
}

/** A user as listed. */
export interface ListedUser {
  readonly username: string;
  readonly groups: readonly string[];
  readonly disabled: boolean;
  readonly createdAt: string;
  readonly keys: number;
  readonly securityKeys: number;
  readonly recoveryCodes: number;
}

/** What {@link UserAdministration} works on. */
export interface UserAdministrationParts {
  readonly identity: { readonly name: string };
  readonly store: Store;
  readonly relays: Relays;
  readonly passwords: PasswordHasher;
  readonly audit: AuditSink;
  readonly clock: Clock;
}

/**
 * What the proxy's administrator can do about operators. Every change is an audit event before it is made; what takes a
 * right away is made also when the event can't be stored.
 */
export class UserAdministration {
  readonly #parts: UserAdministrationParts;

  constructor(parts: UserAdministrationParts) {
    this.#parts = parts;
  }

  /** @throws `user.exists`, `user.invalid_name`, `user.invalid_group`, `user.weak_password`. */
  async add(
    actor: Actor,
    user: { readonly username: string; readonly groups: readonly string[]; readonly password?: string },
  ): Promise<AddedUser> {
    const { audit, clock, passwords, store } = this.#parts;
    const username = requireUsername(user.username);
    const groups = requireGroups(user.groups);
    const password = user.password === undefined ? generatePassword() : requirePassword(user.password);
    const totpSecret = createTotpSecret();
    const passwordHash = await passwords.hash(password);
    if (await store.accounts.findAccount(username)) throw existsAlready(username);
    await audit.append({ type: 'user.added', actor, user: username, groups });
    const createdAtMs = clock.nowMs();
    await store.accounts.addAccount({
      username,
      groups,
      passwordHash,
      totpSecret,
      disabled: false,
      createdAtMs,
    });
    return {
      ...(await this.#secondFactor(username, totpSecret)),
      groups,
      ...(user.password === undefined ? { password } : {}),
    };
  }

  async list(): Promise<readonly ListedUser[]> {
    const { accounts, factors } = this.#parts.store;
    const keys = await accounts.listKeys();
    const securityKeys = await factors.listSecurityKeys();
    const recoveryCodes = await factors.countRecoveryCodes();
    return (await accounts.listAccounts()).map(({ username, groups, disabled, createdAtMs }) => ({
      username,
      groups,
      disabled,
      createdAt: new Date(createdAtMs).toISOString(),
      keys: keys.filter((key) => key.username === username).length,
      securityKeys: securityKeys.filter((key) => key.username === username).length,
      recoveryCodes: recoveryCodes.get(username) ?? 0,
    }));
  }

  /**
   * Nothing more for this user; what is open is cut. Says how many connections that were.
   * @throws `user.unknown`; `audit.unavailable`, when it is done all the same.
   */
  async disable(actor: Actor, username: string): Promise<{ readonly cut: number }> {
    const { audit, clock, relays, store } = this.#parts;
    await requireAccount(this.#parts.store.accounts, username);
    const event = { type: 'user.changed', actor, user: username, change: 'disabled' } as const;
    const entered = enterBeside(audit, event);
    await store.accounts.disableAccount(username, clock.nowMs());
    const cut = relays.cut({ username }, 'Your account has been disabled.');
    await entered;
    return { cut };
  }

  /** Lets a disabled user in again, with the same factors and by a new login. @throws `user.unknown`. */
  async enable(actor: Actor, username: string): Promise<void> {
    const { audit, store } = this.#parts;
    await requireAccount(this.#parts.store.accounts, username);
    await audit.append({ type: 'user.changed', actor, user: username, change: 'enabled' });
    await store.accounts.enableAccount(username);
  }

  /**
   * Replaces the user's groups. Connections that are open were allowed by the old ones: if a group is taken away they
   * are cut; says how many.
   * @throws `user.unknown`, `user.invalid_group`.
   */
  async setGroups(
    actor: Actor,
    username: string,
    wanted: readonly string[],
  ): Promise<{ readonly groups: readonly string[]; readonly cut: number }> {
    const { audit, relays, store } = this.#parts;
    const before = await requireAccount(this.#parts.store.accounts, username);
    const groups = requireGroups(wanted);
    await audit.append({ type: 'user.changed', actor, user: username, change: 'groups', groups });
    await store.accounts.replaceGroups(username, groups);
    const taken = before.groups.some((group) => !groups.includes(group));
    return { groups, cut: taken ? relays.cut({ username }, 'Your groups have changed.') : 0 };
  }

  /**
   * A new secret for one-time codes and new recovery codes. The old ones, all security keys, all logins and what is
   * open end with it.
   * @throws `user.unknown`.
   */
  async resetMfa(actor: Actor, username: string): Promise<SecondFactor> {
    const { audit, clock, relays, store } = this.#parts;
    await requireAccount(this.#parts.store.accounts, username);
    const totpSecret = createTotpSecret();
    await audit.append({ type: 'user.changed', actor, user: username, change: 'mfa_reset' });
    await store.accounts.replaceTotpSecret(username, totpSecret, clock.nowMs());
    relays.cut({ username }, 'Your second factor has been reset.');
    return this.#secondFactor(username, totpSecret);
  }

  /** Ten new recovery codes; the old ones are worth nothing from then on. @throws `user.unknown`. */
  async renewRecoveryCodes(
    actor: Actor,
    username: string,
  ): Promise<{ readonly username: string; readonly recoveryCodes: readonly string[] }> {
    await requireAccount(this.#parts.store.accounts, username);
    await this.#parts.audit.append({
      type: 'user.changed',
      actor,
      user: username,
      change: 'recovery_codes_renewed',
    });
    return { username, recoveryCodes: await this.#newRecoveryCodes(username) };
  }

  /** Registers an OpenSSH public key, to sign in with it and a one-time code. @throws `user.unknown`, `ssh.invalid_key`, `key.exists`. */
  async addKey(actor: Actor, username: string, publicKey: string): Promise<RegisteredKey> {
    const { audit, clock, store } = this.#parts;
    await requireAccount(this.#parts.store.accounts, username);
    const { type, blob, fingerprint } = parsePublicLine(publicKey);
    if (!REGISTRABLE_TYPES.has(type)) {
      throw new DrawbridgeError('ssh.invalid_key', `Keys of the type ${type} are not accepted.`, {
        hint: 'Make one with `ssh-keygen -t ed25519` and give the content of its .pub file.',
      });
    }
    if ((await store.accounts.findKey(fingerprint)) ?? (await store.logins.findLogin(fingerprint))) {
      throw new DrawbridgeError('key.exists', `The key ${fingerprint} is known already.`, {
        hint: 'A key belongs to one user.',
      });
    }
    const publicLine = `${type} ${blob.toString('base64')}`;
    const key: RegisteredKey = { fingerprint, username, publicLine, addedAtMs: clock.nowMs() };
    await audit.append({ type: 'user.changed', actor, user: username, change: 'key_added', fingerprint });
    await store.accounts.addKey(key);
    return key;
  }

  listKeys(username?: string): Promise<readonly RegisteredKey[]> {
    return this.#parts.store.accounts.listKeys(username);
  }

  /** Takes a registered key away and cuts what it has open; says how many. @throws `user.unknown`, `key.unknown`. */
  async removeKey(actor: Actor, username: string, fingerprint: string): Promise<{ readonly cut: number }> {
    const { audit, relays, store } = this.#parts;
    await requireAccount(this.#parts.store.accounts, username);
    const key = await store.accounts.findKey(fingerprint);
    if (key?.username !== username) {
      throw new DrawbridgeError('key.unknown', `${username} has no key ${fingerprint}.`, {
        hint: `\`drawbridge proxy user key ls ${username}\` lists them.`,
      });
    }
    const event = {
      type: 'user.changed',
      actor,
      user: username,
      change: 'key_removed',
      fingerprint,
    } as const;
    const entered = enterBeside(audit, event);
    await store.accounts.removeKey(username, fingerprint);
    const cut = relays.cut({ username, fingerprint }, 'Your key has been removed.');
    await entered;
    return { cut };
  }

  async #secondFactor(username: string, totpSecret: string): Promise<SecondFactor> {
    return {
      username,
      totpSecret,
      totpUri: totpUriOf(this.#parts.identity.name, username, totpSecret),
      recoveryCodes: await this.#newRecoveryCodes(username),
    };
  }

  async #newRecoveryCodes(username: string): Promise<readonly string[]> {
    const codes = createRecoveryCodes();
    const hashes = codes.map((code) => recoveryCodeHash(username, code));
    await this.#parts.store.factors.replaceRecoveryCodes(username, hashes);
    return codes;
  }
}

function existsAlready(username: string): DrawbridgeError {
  return new DrawbridgeError('user.exists', `There is a user "${username}" already.`, {
    hint: 'Choose another name, or see `drawbridge proxy user ls`.',
  });
}
