import type { Actor, AuditEvent, AuditQuery, AuditSink, AuditSource } from '../shared/audit/event.ts';
import { AuditLog } from '../shared/audit/log.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { DrawbridgeError } from '../shared/errors.ts';
import { JOIN_TOKEN_LIFETIME_S } from '../shared/identity/claims.ts';
import { createJoinToken } from '../shared/identity/join-token.ts';
import { loadNodeIdentity, type NodeIdentity } from '../shared/identity/node-identity.ts';
import { type Logger, silentLogger } from '../shared/log.ts';
import { parsePublicLine } from '../shared/ssh/keys.ts';
import { lockDirectory } from '../shared/store/directory-lock.ts';
import { createTotpSecret, totpUriOf } from './accounts/one-time-code.ts';
import { generatePassword, PasswordHasher } from './accounts/password.ts';
import { requireGroups, requirePassword, requireUsername } from './accounts/rules.ts';
import type { ProxyConfig } from './config.ts';
import { type Directory, MemoryDirectory } from './store/directory.ts';
import { openSqliteStore } from './store/sqlite-store.ts';
import type { Account, RegisteredKey, Store } from './store/store.ts';
import { isBastionName } from './tunnels/destination.ts';
import { Relays } from './tunnels/relays.ts';
import { openWitness } from './witness/open-witness.ts';
import type { Witness, WitnessStanding } from './witness/witness.ts';

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

/** What a new user gets to see, once. */
export interface AddedUser {
  readonly username: string;
  readonly groups: readonly string[];
  /** Only when it was generated. */
  readonly password?: string;
  /** Base32. */
  readonly totpSecret: string;
  /** For a QR code. */
  readonly totpUri: string;
}

/** A user as listed. */
export interface ListedUser {
  readonly username: string;
  readonly groups: readonly string[];
  readonly disabled: boolean;
  readonly createdAt: string;
  readonly keys: number;
}

/** A bastion as the proxy's administrator sees it. */
export interface AdministeredBastion {
  readonly name: string;
  readonly id: string;
  readonly online: boolean;
  readonly tunnels: number;
  readonly enrolledAt: string;
  readonly revokedAt?: string;
  /** How its audit log stands with this proxy as its witness. */
  readonly witness: WitnessStanding;
}

/** What {@link ProxyAdministration} works on. */
export interface AdministrationParts {
  readonly identity: NodeIdentity;
  /** Where bastions join. */
  readonly publicUrl: () => string;
  readonly store: Store;
  readonly directory: Directory;
  readonly relays: Relays;
  readonly passwords: PasswordHasher;
  readonly audit: AuditSink & Pick<AuditSource, 'query'>;
  readonly witness: Pick<Witness, 'standing' | 'reset'>;
  readonly clock: Clock;
}

/** All that the proxy's administrator can do. Every change is an audit event before it is made. */
export class ProxyAdministration {
  readonly #parts: AdministrationParts;

  constructor(parts: AdministrationParts) {
    this.#parts = parts;
  }

  /** @throws `user.exists`, `user.invalid_name`, `user.invalid_group`, `user.weak_password`. */
  async addUser(
    actor: Actor,
    user: { readonly username: string; readonly groups: readonly string[]; readonly password?: string },
  ): Promise<AddedUser> {
    const { audit, clock, identity, passwords, store } = this.#parts;
    const username = requireUsername(user.username);
    const groups = requireGroups(user.groups);
    const password = user.password === undefined ? generatePassword() : requirePassword(user.password);
    const totpSecret = createTotpSecret();
    const passwordHash = await passwords.hash(password);
    if (await store.accounts.findAccount(username)) throw existsAlready(username);
    await audit.append({ type: 'user.added', actor, user: username, groups });
    await store.accounts.addAccount({
      username,
      groups,
      passwordHash,
      totpSecret,
      disabled: false,
      createdAtMs: clock.nowMs(),
    });
    return {
      username,
      groups,
      ...(user.password === undefined ? { password } : {}),
      totpSecret,
      totpUri: totpUriOf(identity.name, username, totpSecret),
    };
  }

  async listUsers(): Promise<readonly ListedUser[]> {
    const { accounts } = this.#parts.store;
    const keys = await accounts.listKeys();
    return (await accounts.listAccounts()).map(({ username, groups, disabled, createdAtMs }) => ({
      username,
      groups,
      disabled,
      createdAt: new Date(createdAtMs).toISOString(),
      keys: keys.filter((key) => key.username === username).length,
    }));
  }

  /** Nothing more for this user; what is open is cut. Says how many connections that were. @throws `user.unknown`. */
  async disableUser(actor: Actor, username: string): Promise<{ readonly cut: number }> {
    const { audit, clock, relays, store } = this.#parts;
    await this.#account(username);
    await audit.append({ type: 'user.changed', actor, user: username, change: 'disabled' });
    await store.accounts.disableAccount(username, clock.nowMs());
    return { cut: relays.cut(username) };
  }

  /** A new secret for one-time codes; the old one and all logins end. @throws `user.unknown`. */
  async resetMfa(
    actor: Actor,
    username: string,
  ): Promise<{ readonly username: string; readonly totpSecret: string; readonly totpUri: string }> {
    const { audit, clock, identity, store } = this.#parts;
    await this.#account(username);
    const totpSecret = createTotpSecret();
    await audit.append({ type: 'user.changed', actor, user: username, change: 'mfa_reset' });
    await store.accounts.replaceTotpSecret(username, totpSecret, clock.nowMs());
    return { username, totpSecret, totpUri: totpUriOf(identity.name, username, totpSecret) };
  }

  /** Registers an OpenSSH public key, to sign in with it and a one-time code. @throws `user.unknown`, `ssh.invalid_key`, `key.exists`. */
  async addKey(actor: Actor, username: string, publicKey: string): Promise<RegisteredKey> {
    const { audit, clock, store } = this.#parts;
    await this.#account(username);
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
    const key: RegisteredKey = {
      fingerprint,
      username,
      publicLine: `${type} ${blob.toString('base64')}`,
      addedAtMs: clock.nowMs(),
    };
    await audit.append({ type: 'user.changed', actor, user: username, change: 'key_added', fingerprint });
    await store.accounts.addKey(key);
    return key;
  }

  listKeys(username?: string): Promise<readonly RegisteredKey[]> {
    return this.#parts.store.accounts.listKeys(username);
  }

  async listBastions(): Promise<readonly AdministeredBastion[]> {
    const { directory, store, witness } = this.#parts;
    return Promise.all(
      (await store.enrolments.listBastions()).map(async ({ name, id, enrolledAtMs, revokedAtMs }) => {
        const tunnels = await directory.count(id);
        const revoked = revokedAtMs === undefined ? {} : { revokedAt: new Date(revokedAtMs).toISOString() };
        const enrolledAt = new Date(enrolledAtMs).toISOString();
        const standing = await witness.standing(id);
        return { name, id, online: tunnels > 0, tunnels, enrolledAt, ...revoked, witness: standing };
      }),
    );
  }

  /** A token with which one bastion can join under this name, within 30 minutes. @throws `bastion.invalid_name`, `bastion.exists`. */
  async createBastionToken(
    actor: Actor,
    name: string,
  ): Promise<{ readonly token: string; readonly expiresAt: string; readonly command: string }> {
    const { audit, clock, identity, publicUrl, store } = this.#parts;
    if (!isBastionName(name)) {
      throw new DrawbridgeError('bastion.invalid_name', `"${name}" cannot be the name of a bastion here.`, {
        hint: 'Use 1 to 63 small letters, digits and hyphens: operators will write HOST.NAME.',
      });
    }
    if (await store.enrolments.findBastionByName(name)) {
      throw new DrawbridgeError('bastion.exists', `There is a bastion "${name}" already.`, {
        hint: `Choose another name, or revoke it first: \`drawbridge proxy bastion revoke ${name}\`.`,
      });
    }
    const { token, kid, publicJwk } = createJoinToken(identity);
    const expiresAtMs = clock.nowMs() + JOIN_TOKEN_LIFETIME_S * 1000;
    const expiresAt = new Date(expiresAtMs).toISOString();
    await audit.append({ type: 'token.created', actor, bastion: name, kid, expiresAt });
    await store.enrolments.addJoinToken({ kid, publicJwk, name, expiresAtMs });
    return { token, expiresAt, command: `drawbridge bastion join ${publicUrl()} ${token}` };
  }

  /** Refuses the bastion from now on and ends its tunnels at once; says how many. @throws `bastion.unknown`. */
  async revokeBastion(actor: Actor, name: string): Promise<{ readonly tunnels: number }> {
    const { audit, clock, directory, store } = this.#parts;
    const bastion = await store.enrolments.findBastionByName(name);
    if (!bastion) {
      throw new DrawbridgeError('bastion.unknown', `There is no bastion "${name}".`, {
        hint: '`drawbridge proxy bastion list` lists them.',
      });
    }
    await audit.append({ type: 'bastion.revoked', actor, bastion: name, bastionId: bastion.id });
    await store.enrolments.revokeBastion(bastion.id, clock.nowMs());
    const reason = 'The vendor has revoked this bastion.';
    return { tunnels: await directory.closeAll(bastion.id, 'bastion.revoked', reason) };
  }

  /**
   * Lets the witness begin anew with this bastion's log: for one that was restored from a backup, when the customer has
   * said so. @throws `bastion.unknown`, `audit.unavailable`.
   */
  async resetWitness(actor: Actor, name: string, reason: string): Promise<void> {
    const bastion = await this.#parts.store.enrolments.findBastionByName(name);
    if (!bastion) {
      throw new DrawbridgeError('bastion.unknown', `There is no bastion "${name}".`, {
        hint: '`drawbridge proxy bastion list` lists them.',
      });
    }
    await this.#parts.witness.reset(actor, bastion, reason);
  }

  queryAudit(query: AuditQuery): Promise<readonly AuditEvent[]> {
    return this.#parts.audit.query(query);
  }

  async #account(username: string): Promise<Account> {
    const account = await this.#parts.store.accounts.findAccount(username);
    if (account) return account;
    throw new DrawbridgeError('user.unknown', `There is no user "${username}".`, {
      hint: '`drawbridge proxy user list` lists them.',
    });
  }
}

/**
 * The same administration while no proxy runs. It holds the data directory until it is closed.
 * @throws `store.locked` when a proxy runs (then use its control socket), `identity.missing`, `store.*`.
 */
export async function openProxyAdministration(
  config: ProxyConfig,
  deps: { readonly clock?: Clock; readonly log?: Logger } = {},
): Promise<{ readonly administration: ProxyAdministration; close(): Promise<void> }> {
  const { clock = systemClock, log = silentLogger() } = deps;
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const run of closers.splice(0).reverse()) await run();
  };
  try {
    const identity = await loadNodeIdentity(config.dataDir);
    const lock = await lockDirectory(config.dataDir);
    closers.push(() => lock.release());
    const store = await openSqliteStore(config.dataDir);
    closers.push(() => store.close());
    const audit = await AuditLog.open(config.dataDir, { identity, clock, log });
    closers.push(() => audit.close());
    const witness = await openWitness({
      dataDir: config.dataDir,
      identity,
      audit,
      clock,
      log,
      teardown: { add: (step) => closers.push(step) },
    });
    const administration = new ProxyAdministration({
      witness,
      identity,
      publicUrl: () => config.publicUrl,
      store,
      directory: new MemoryDirectory(),
      relays: new Relays(),
      passwords: new PasswordHasher(),
      audit,
      clock,
    });
    return { administration, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function existsAlready(username: string): DrawbridgeError {
  return new DrawbridgeError('user.exists', `There is a user "${username}" already.`, {
    hint: 'Choose another name, or see `drawbridge proxy user list`.',
  });
}
