import { isIP } from 'node:net';
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { SignInLimit } from '../../shared/accounts/sign-in-limit.ts';
import type { AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { SecurityKey } from '../store/factor-store.ts';
import type { Store } from '../store/store.ts';
import { LinkHolders, linkRefused } from './link-holder.ts';
import { tooManyTries } from './login-refusals.ts';
import type { CheckedOperator } from './logins.ts';
import type { Refusals } from './refusals.ts';
import { RegistrationChallenges } from './registration-challenges.ts';

/** Security keys that one operator may have. */
export const SECURITY_KEYS_PER_OPERATOR_LIMIT = 20;
/** How long the browser may wait for a touch, a finger or a PIN. */
const CEREMONY_TIMEOUT_MS = 120_000;

const KEY_NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,63}$/u;

/** What the options hand to the browser; JSON as WebAuthn Level 3 has it. */
export type RegistrationOptions = Awaited<ReturnType<typeof generateRegistrationOptions>>;
export type AuthenticationOptions = Awaited<ReturnType<typeof generateAuthenticationOptions>>;

/**
 * Security keys and passkeys (WebAuthn Level 3). Both ceremonies require that the authenticator has verified its user
 * (PIN, finger, face), so that one of them is two factors. Credentials are discoverable: nobody types a user name, and
 * nobody can ask which accounts exist.
 */
export class SecurityKeys {
  readonly #store: Store;
  readonly #publicUrl: () => string;
  readonly #proxyName: string;
  readonly #limit: SignInLimit;
  readonly #refusals: Refusals;
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #links: LinkHolders;
  readonly #registrations: RegistrationChallenges;

  constructor(parts: {
    readonly store: Store;
    /** The proxy's address for browsers: its host is the relying party's id, its origin the only one that counts. */
    readonly publicUrl: () => string;
    readonly proxyName: string;
    readonly limit: SignInLimit;
    readonly refusals: Refusals;
    readonly audit: AuditSink;
    readonly clock: Clock;
  }) {
    this.#store = parts.store;
    this.#publicUrl = parts.publicUrl;
    this.#proxyName = parts.proxyName;
    this.#limit = parts.limit;
    this.#refusals = parts.refusals;
    this.#audit = parts.audit;
    this.#clock = parts.clock;
    this.#links = new LinkHolders({ ...parts, purpose: 'security_key' });
    this.#registrations = new RegistrationChallenges(parts.clock);
  }

  /**
   * Whose link it is and what to ask the authenticator for. @throws `registration.refused`, `security_key.no_domain`.
   */
  async beginRegistration(
    secret: string,
    source: string,
  ): Promise<{ readonly username: string; readonly options: RegistrationOptions }> {
    const { id } = this.#relyingParty();
    const { username, hash } = await this.#links.holderOf(secret, source);
    const held = await this.#store.factors.listSecurityKeys(username);
    const options = await generateRegistrationOptions({
      rpName: `Drawbridge ${this.#proxyName}`,
      rpID: id,
      userName: username,
      userDisplayName: username,
      timeout: CEREMONY_TIMEOUT_MS,
      attestationType: 'none',
      excludeCredentials: held.map(({ credentialId }) => ({ id: credentialId })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    this.#registrations.put(hash, options.challenge);
    return { username, options };
  }

  /**
   * Keeps the new key and spends the link.
   * @throws `registration.refused`, `security_key.unverified`, `security_key.known`, `security_key.invalid_name`,
   *   `security_key.too_many`, `audit.unavailable`.
   */
  async finishRegistration(
    secret: string,
    given: { readonly name: string; readonly response: RegistrationResponseJSON },
    source: string,
  ): Promise<{ readonly username: string; readonly name: string }> {
    const name = requireKeyName(given.name);
    const { username, hash } = await this.#links.holderOf(secret, source);
    const held = await this.#store.factors.listSecurityKeys(username);
    if (held.length >= SECURITY_KEYS_PER_OPERATOR_LIMIT) {
      throw new DrawbridgeError('security_key.too_many', 'You have too many security keys already.', {
        hint: 'Ask the administrator of the proxy to remove one.',
      });
    }
    const key = await this.#verifiedRegistration(hash, given.response, { username, name });
    if (key === undefined) {
      await this.#refuse('registration_unverified', source, username);
      throw unverified();
    }
    await this.#audit.append({
      type: 'user.changed',
      actor: `operator:${username}`,
      user: username,
      change: 'security_key_added',
      name,
      deviceBound: key.deviceBound,
      source,
    });
    const outcome = await this.#store.factors.registerSecurityKey(hash, key, this.#clock.nowMs());
    if (outcome === 'registered') return { username, name };
    if (outcome === 'spent') throw linkRefused();
    throw new DrawbridgeError('security_key.known', `You have a security key "${name}" already.`, {
      hint: 'Choose another name, or use another key.',
    });
  }

  /** What to ask any authenticator for that has a key for this proxy. @throws `security_key.no_domain`. */
  authenticationOptions(): Promise<AuthenticationOptions> {
    return generateAuthenticationOptions({
      rpID: this.#relyingParty().id,
      timeout: CEREMONY_TIMEOUT_MS,
      userVerification: 'required',
    });
  }

  /**
   * Who has answered the challenge. The caller sees to it that a challenge is answered once.
   * @throws `login.refused` for whatever is wrong with it, `login.limited`, `audit.unavailable`.
   */
  async verify(
    challenge: string,
    response: AuthenticationResponseJSON,
    source: string,
  ): Promise<CheckedOperator> {
    const counted = `security-key ${response.id.slice(0, 128)}`;
    const verdict = this.#limit.begin(counted, source);
    if (!verdict.allowed) {
      await this.#refuse('limited', source);
      throw tooManyTries(verdict.retryAfterMs);
    }
    const key = await this.#store.factors.findSecurityKey(response.id);
    if (!key) throw await this.#refuse('unknown_security_key', source);
    const account = await this.#store.accounts.findAccount(key.username);
    const counter = await this.#verifiedCounter(challenge, response, key);
    if (typeof counter !== 'number') throw await this.#refuse(counter.reason, source, key.username);
    if (!account || account.disabled) throw await this.#refuse('disabled', source, key.username);
    const { credentialId, username, name, deviceBound } = key;
    const nowMs = this.#clock.nowMs();
    if (!(await this.#store.factors.useSecurityKey(credentialId, key.counter, counter, nowMs)))
      throw await this.#refuse('security_key_counter', source, username);
    this.#limit.succeeded(counted, source);
    // RFC 8176: a key that cannot be copied is hardware, one that its platform syncs is software. `uv` is
    // not of the RFC: it says that the key checked its person by PIN, finger or face, which WebAuthn does not tell apart.
    const amr = [deviceBound ? 'hwk' : 'swk', 'user', 'uv', 'mfa'];
    return {
      username,
      epoch: account.epoch,
      authTimeMs: nowMs,
      amr,
      by: 'security_key',
      details: { securityKey: name },
    };
  }

  /** @throws `security_key.no_domain` when the proxy is reached by an IP address. */
  requireDomain(): void {
    this.#relyingParty();
  }

  /** Whether the key with which somebody has signed in is still registered for them. */
  async isHeld({ username, details }: CheckedOperator): Promise<boolean> {
    const held = await this.#store.factors.listSecurityKeys(username);
    return held.some(({ name }) => name === details?.['securityKey']);
  }

  async #verifiedRegistration(
    hash: string,
    response: RegistrationResponseJSON,
    owner: { readonly username: string; readonly name: string },
  ): Promise<SecurityKey | undefined> {
    const challenge = this.#registrations.take(hash);
    if (challenge === undefined) return undefined;
    const { id, origin } = this.#relyingParty();
    try {
      const { verified, registrationInfo } = await verifyRegistrationResponse({
        response,
        expectedChallenge: challenge,
        expectedOrigin: origin,
        expectedRPID: id,
        requireUserVerification: true,
      });
      if (!verified || !registrationInfo.userVerified) return undefined;
      const { credential, credentialDeviceType } = registrationInfo;
      return {
        ...owner,
        credentialId: credential.id,
        publicKey: Buffer.from(credential.publicKey).toString('base64url'),
        counter: credential.counter,
        deviceBound: credentialDeviceType === 'singleDevice',
        transports: (credential.transports ?? []).slice(0, 8),
        addedAtMs: this.#clock.nowMs(),
      };
    } catch {
      // The library throws on whatever a browser may send that does not verify; it names the peer's values.
      return undefined;
    }
  }

  async #verifiedCounter(
    challenge: string,
    response: AuthenticationResponseJSON,
    key: SecurityKey,
  ): Promise<number | { readonly reason: string }> {
    const { id, origin } = this.#relyingParty();
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response,
        expectedChallenge: challenge,
        expectedOrigin: origin,
        expectedRPID: id,
        credential: {
          id: key.credentialId,
          publicKey: new Uint8Array(Buffer.from(key.publicKey, 'base64url')),
          // The counter is compared here, not by the library, so that a copied key has an audit reason of its own.
          counter: 0,
        },
        requireUserVerification: true,
      });
      if (!verified || !authenticationInfo.userVerified) return { reason: 'security_key_unverified' };
      const { newCounter } = authenticationInfo;
      const stoodStill = newCounter <= key.counter && (newCounter > 0 || key.counter > 0);
      return stoodStill ? { reason: 'security_key_counter' } : newCounter;
    } catch {
      return { reason: 'security_key_unverified' };
    }
  }

  /** The relying party (WebAuthn, section 4), as the proxy's public address has it. */
  #relyingParty(): { readonly id: string; readonly origin: string } {
    const url = new URL(this.#publicUrl());
    if (isIP(url.hostname) === 0 && !url.hostname.startsWith('['))
      return { id: url.hostname, origin: url.origin };
    throw new DrawbridgeError(
      'security_key.no_domain',
      'Security keys work only when the proxy has a DNS name, and this one is reached by an IP address.',
      {
        hint: 'Ask the administrator to set publicUrl in proxy.yaml to a name; log in with password and code meanwhile.',
      },
    );
  }

  async #refuse(reason: string, source: string, username?: string): Promise<DrawbridgeError> {
    await this.#refusals.add({
      type: 'operator.refused',
      reason,
      source,
      by: 'security_key',
      ...(username === undefined ? {} : { operator: username }),
    });
    return new DrawbridgeError('login.refused', 'The security key was not accepted.', {
      hint: 'Use a key that is registered here, with its PIN, finger or face. If it goes on, ask the administrator.',
    });
  }
}

function requireKeyName(name: string): string {
  if (KEY_NAME.test(name)) return name;
  throw new DrawbridgeError('security_key.invalid_name', 'This cannot be the name of a security key.', {
    hint: 'Use 1 to 64 letters, digits, spaces and . _ @ -, beginning with a letter or digit.',
  });
}

function unverified(): DrawbridgeError {
  return new DrawbridgeError('security_key.unverified', 'The security key did not verify its user.', {
    hint: 'Set up a PIN, finger or face for it, load this page again, and try once more.',
  });
}
