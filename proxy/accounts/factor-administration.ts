import type { Actor, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Store } from '../store/store.ts';
import {
  createRegistrationSecret,
  type LinkPurpose,
  REGISTRATION_LINK_LIFETIME_MS,
  registrationUrl,
} from './registration-link.ts';
import { requireAccount } from './rules.ts';

/** A security key as listed. */
export interface ListedSecurityKey {
  readonly username: string;
  readonly name: string;
  /** False for a passkey that its platform may copy to other devices. */
  readonly deviceBound: boolean;
  readonly addedAt: string;
  readonly lastUsedAt?: string;
}

/** What {@link FactorAdministration} works on. */
export interface FactorAdministrationParts {
  readonly publicUrl: () => string;
  readonly store: Store;
  readonly audit: AuditSink;
  readonly clock: Clock;
}

/** What is done about the factors that operators set up themselves, by a link to the proxy's page. */
export class FactorAdministration {
  readonly #parts: FactorAdministrationParts;

  constructor(parts: FactorAdministrationParts) {
    this.#parts = parts;
  }

  /**
   * A link with which the user registers one security key, or sets up an authenticator in place of the one that they
   * have; once, within 30 minutes.
   * @throws `user.unknown`, `user.disabled`.
   */
  async createLink(
    actor: Actor,
    username: string,
    purpose: LinkPurpose,
  ): Promise<{ readonly url: string; readonly expiresAt: string }> {
    const { audit, clock, publicUrl, store } = this.#parts;
    const account = await requireAccount(store.accounts, username);
    if (account.disabled)
      throw new DrawbridgeError('user.disabled', `${username} is disabled.`, {
        hint: `\`drawbridge proxy user enable ${username}\` comes first.`,
      });
    const { secret, hash } = createRegistrationSecret(purpose);
    const expiresAtMs = clock.nowMs() + REGISTRATION_LINK_LIFETIME_MS;
    const expiresAt = new Date(expiresAtMs).toISOString();
    const change = purpose === 'security_key' ? 'registration_link_made' : 'authenticator_link_made';
    await audit.append({ type: 'user.changed', actor, user: username, change, expiresAt });
    await store.factors.addRegistrationLink({ hash, username, expiresAtMs });
    return { url: registrationUrl(purpose, publicUrl(), secret), expiresAt };
  }

  /**
   * The same for operators themselves, who have just signed in. Not for those of an identity provider: a key of their
   * own would let them in after the provider has stopped to.
   * @throws `security_key.provider_account`, `user.unknown`.
   */
  async createOwnRegistrationLink(
    username: string,
  ): Promise<{ readonly url: string; readonly expiresAt: string }> {
    if (await this.#parts.store.identities.isLinked(username)) {
      throw new DrawbridgeError(
        'security_key.provider_account',
        'You sign in with an identity provider, and so with the security keys that you have there.',
        { hint: 'Sign in with `drawbridge login --provider NAME`.' },
      );
    }
    return this.createLink(`operator:${username}`, username, 'security_key');
  }

  async listSecurityKeys(username?: string): Promise<readonly ListedSecurityKey[]> {
    return (await this.#parts.store.factors.listSecurityKeys(username)).map((key) => ({
      username: key.username,
      name: key.name,
      deviceBound: key.deviceBound,
      addedAt: new Date(key.addedAtMs).toISOString(),
      ...(key.lastUsedAtMs === undefined ? {} : { lastUsedAt: new Date(key.lastUsedAtMs).toISOString() }),
    }));
  }

  /** Takes a security key away. Logins that were made with it go on until they end. @throws `user.unknown`, `security_key.unknown`. */
  async removeSecurityKey(actor: Actor, username: string, name: string): Promise<void> {
    const { audit, store } = this.#parts;
    await requireAccount(this.#parts.store.accounts, username);
    if (!(await store.factors.listSecurityKeys(username)).some((key) => key.name === name)) {
      throw new DrawbridgeError('security_key.unknown', `${username} has no security key "${name}".`, {
        hint: `\`drawbridge proxy user security-key ls ${username}\` lists them.`,
      });
    }
    await audit.append({ type: 'user.changed', actor, user: username, change: 'security_key_removed', name });
    await store.factors.removeSecurityKey(username, name);
  }
}
