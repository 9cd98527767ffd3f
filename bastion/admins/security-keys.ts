import { isIP } from 'node:net';
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Database } from '../../shared/store/database.ts';
import { Challenges } from './challenges.ts';

/** Security keys that one administrator may have. */
export const SECURITY_KEYS_PER_ADMIN = 20;
/** How long the browser may wait for a touch, a finger or a PIN. */
const CEREMONY_TIMEOUT_MS = 120_000;
const NAME_PATTERN = /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u;
const SIGN_IN = 'sign in';
const TRANSPORTS_LIMIT = 8;

/** A key as its owner sees it. */
export interface SecurityKeyInfo {
  readonly name: string;
  readonly addedAtMs: number;
  readonly lastUsedAtMs?: number;
}

/** Who has answered with their key, or why it does not count. */
export type KeyVerdict =
  | { readonly username: string; readonly key: string }
  | { readonly refused: 'unknown_key' | 'key_unverified' | 'key_counter'; readonly username?: string };

interface KeyRow {
  readonly credential_id: string;
  readonly username: string;
  readonly name: string;
  readonly public_key: string;
  readonly counter: number;
}

/**
 * Security keys and passkeys of the administrators (WebAuthn Level 3). Each has to verify its user by PIN, finger or
 * face, so that one of them is two factors; credentials are discoverable, so that nobody can ask which accounts exist.
 */
export class SecurityKeys {
  readonly #database: Database;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #publicUrl: () => string;
  readonly #bastionName: string;
  readonly #challenges: Challenges;

  constructor(options: {
    readonly database: Database;
    readonly audit: AuditSink;
    readonly clock: Clock;
    /** Where browsers reach the page: its host is the relying party, its origin the only one that counts. */
    readonly publicUrl: () => string;
    readonly bastionName: string;
  }) {
    this.#database = options.database;
    this.#audit = options.audit;
    this.#clock = options.clock;
    this.#publicUrl = options.publicUrl;
    this.#bastionName = options.bastionName;
    this.#challenges = new Challenges(options.clock);
  }

  /** What to ask an authenticator for that is to be `username`'s. @throws `security_key.no_domain`. */
  async registrationOptions(username: string) {
    const held = await this.#rows(username);
    const options = await generateRegistrationOptions({
      rpName: `Drawbridge ${this.#bastionName}`,
      rpID: this.#relyingParty().id,
      userName: username,
      userDisplayName: username,
      timeout: CEREMONY_TIMEOUT_MS,
      attestationType: 'none',
      excludeCredentials: held.map((key) => ({ id: key.credential_id })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    this.#challenges.add(options.challenge, username);
    return options;
  }

  /**
   * Keeps a new key. Audited as `user.changed`.
   * @throws `security_key.invalid_name`, `security_key.too_many`, `security_key.unverified`, `security_key.known`.
   */
  async register(
    actor: Actor,
    username: string,
    name: string,
    response: RegistrationResponseJSON,
  ): Promise<void> {
    requireName(name);
    const held = await this.#rows(username);
    if (held.length >= SECURITY_KEYS_PER_ADMIN) {
      throw new DrawbridgeError('security_key.too_many', 'You have too many security keys already.', {
        hint: 'Remove one that you do not use any more.',
      });
    }
    const credential = await this.#verifiedRegistration(username, response);
    const exists = new DrawbridgeError('security_key.known', `There is a security key "${name}" already.`, {
      hint: 'Choose another name, or use another key.',
    });
    if (held.some((key) => key.name === name)) throw exists;
    await this.#audit.append({
      type: 'user.changed',
      actor,
      username,
      kind: 'admin',
      change: 'security_key_added',
      name,
    });
    const { changes } = await this.#database.run(
      `INSERT INTO admin_security_keys (credential_id, username, name, public_key, counter, transports, added_at)
       VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      [
        credential.id,
        username,
        name,
        Buffer.from(credential.publicKey).toString('base64url'),
        credential.counter,
        JSON.stringify((credential.transports ?? []).slice(0, TRANSPORTS_LIMIT)),
        this.#clock.nowMs(),
      ],
    );
    if (changes === 0) throw exists;
  }

  async list(username: string): Promise<readonly SecurityKeyInfo[]> {
    const rows = await this.#database.all<{ name: string; added_at: number; last_used_at: number | null }>(
      'SELECT name, added_at, last_used_at FROM admin_security_keys WHERE username = ? ORDER BY added_at, name',
      [username],
    );
    return rows.map((row) => ({
      name: row.name,
      addedAtMs: row.added_at,
      ...(row.last_used_at === null ? {} : { lastUsedAtMs: row.last_used_at }),
    }));
  }

  /** Audited as `user.changed`. @throws `security_key.not_found`. */
  async remove(actor: Actor, username: string, name: string): Promise<void> {
    const held = await this.#rows(username);
    if (!held.some((key) => key.name === name)) {
      throw new DrawbridgeError('security_key.not_found', 'There is no such security key.');
    }
    await this.#audit.append({
      type: 'user.changed',
      actor,
      username,
      kind: 'admin',
      change: 'security_key_removed',
      name,
    });
    await this.#database.run('DELETE FROM admin_security_keys WHERE username = ? AND name = ?', [
      username,
      name,
    ]);
  }

  /** What to ask any authenticator for that has a key for this bastion. @throws `security_key.no_domain`. */
  async signInOptions() {
    const options = await generateAuthenticationOptions({
      rpID: this.#relyingParty().id,
      timeout: CEREMONY_TIMEOUT_MS,
      userVerification: 'required',
    });
    this.#challenges.add(options.challenge, SIGN_IN);
    return options;
  }

  /** Who has answered. A counter that does not move on tells of a copied key. @throws `security_key.no_domain`. */
  async verify(response: AuthenticationResponseJSON): Promise<KeyVerdict> {
    const { id, origin } = this.#relyingParty();
    const row = await this.#database.get<KeyRow>(
      'SELECT credential_id, username, name, public_key, counter FROM admin_security_keys WHERE credential_id = ?',
      [response.id],
    );
    if (row === undefined) return { refused: 'unknown_key' };
    const { username } = row;
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response,
        expectedChallenge: (challenge) => this.#challenges.take(challenge, SIGN_IN),
        expectedOrigin: origin,
        expectedRPID: id,
        credential: {
          id: row.credential_id,
          publicKey: new Uint8Array(Buffer.from(row.public_key, 'base64url')),
          // Compared below, so that a copied key has a reason of its own.
          counter: 0,
        },
        requireUserVerification: true,
      });
      if (!verified || !authenticationInfo.userVerified) return { refused: 'key_unverified', username };
      const { newCounter } = authenticationInfo;
      const stoodStill = newCounter <= row.counter && (newCounter > 0 || row.counter > 0);
      if (stoodStill || !(await this.#countUse(row, newCounter))) return { refused: 'key_counter', username };
      return { username, key: row.name };
    } catch {
      // The library throws on whatever a browser may send that does not verify.
      return { refused: 'key_unverified', username };
    }
  }

  /** One statement decides, so that of two answers with the same counter only one counts. */
  async #countUse(row: KeyRow, counter: number): Promise<boolean> {
    const { changes } = await this.#database.run(
      'UPDATE admin_security_keys SET counter = ?, last_used_at = ? WHERE credential_id = ? AND counter = ?',
      [counter, this.#clock.nowMs(), row.credential_id, row.counter],
    );
    return changes === 1;
  }

  async #verifiedRegistration(username: string, response: RegistrationResponseJSON) {
    const { id, origin } = this.#relyingParty();
    const found = await verifyRegistrationResponse({
      response,
      expectedChallenge: (challenge) => this.#challenges.take(challenge, username),
      expectedOrigin: origin,
      expectedRPID: id,
      requireUserVerification: true,
    }).catch(() => undefined);
    if (found?.verified === true && found.registrationInfo.userVerified) {
      return found.registrationInfo.credential;
    }
    throw new DrawbridgeError('security_key.unverified', 'The security key did not verify its user.', {
      hint: 'Set up a PIN, finger or face for it, and try once more.',
    });
  }

  #rows(username: string): Promise<readonly KeyRow[]> {
    return this.#database.all<KeyRow>(
      'SELECT credential_id, username, name, public_key, counter FROM admin_security_keys WHERE username = ?',
      [username],
    );
  }

  /** The relying party (WebAuthn, section 4), as the bastion's public address has it. */
  #relyingParty(): { readonly id: string; readonly origin: string } {
    const url = new URL(this.#publicUrl());
    if (isIP(url.hostname) === 0 && !url.hostname.startsWith('[')) {
      return { id: url.hostname, origin: url.origin };
    }
    throw new DrawbridgeError(
      'security_key.no_domain',
      'Security keys work only when the bastion has a DNS name, and this one is reached by an IP address.',
      { hint: 'Set publicUrl in bastion.yaml to a name; sign in with password and code meanwhile.' },
    );
  }
}

function requireName(name: string): void {
  if (NAME_PATTERN.test(name)) return;
  throw new DrawbridgeError('security_key.invalid_name', 'This can not be the name of a security key.', {
    hint: 'Use 1 to 64 letters, digits, spaces and . _ @ -, beginning with a letter or digit.',
  });
}
