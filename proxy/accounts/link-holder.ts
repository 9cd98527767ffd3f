import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Store } from '../store/store.ts';
import type { Refusals } from './refusals.ts';
import { type LinkPurpose, registrationHash } from './registration-link.ts';

/** Says whose link somebody holds, while it is neither spent nor over and its account is not disabled. */
export class LinkHolders {
  readonly #store: Store;
  readonly #refusals: Refusals;
  readonly #clock: Clock;
  readonly #purpose: LinkPurpose;

  constructor(parts: {
    readonly store: Store;
    readonly refusals: Refusals;
    readonly clock: Clock;
    readonly purpose: LinkPurpose;
  }) {
    this.#store = parts.store;
    this.#refusals = parts.refusals;
    this.#clock = parts.clock;
    this.#purpose = parts.purpose;
  }

  /** @throws `registration.refused`, `audit.unavailable` */
  async holderOf(
    secret: string,
    source: string,
  ): Promise<{ readonly username: string; readonly hash: string }> {
    const hash = registrationHash(this.#purpose, secret);
    const found = await this.#store.factors.findRegistrationLink(hash, this.#clock.nowMs());
    const account = found === undefined ? undefined : await this.#store.accounts.findAccount(found);
    if (account && !account.disabled) return { username: account.username, hash };
    await this.#refusals.add({
      type: 'operator.refused',
      reason: 'registration_link',
      source,
      by: this.#purpose,
    });
    throw linkRefused();
  }
}

/** The refusal of a link that was used or is over. */
export function linkRefused(): DrawbridgeError {
  return new DrawbridgeError('registration.refused', 'This link was used already, or its time is over.', {
    hint: 'Ask the administrator of the proxy for a new one; for a security key: `drawbridge security-key add`.',
  });
}
