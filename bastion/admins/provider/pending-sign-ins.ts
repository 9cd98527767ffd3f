import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../shared/clock.ts';
import { createBearerSecret, hashBearerSecret } from '../bearer-secret.ts';

/** From the button to the return from the provider. */
export const PENDING_LIFETIME_MS = 10 * 60_000;
/** Sign-ins that are under way at once; beyond it the oldest is forgotten, and whoever began it begins again. */
export const PENDING_MAX = 2_000;
/** Of these, so many may be of one network; one more forgets the oldest of that network. */
export const PENDING_PER_NETWORK_MAX = 50;

/** A sign-in that was sent to the provider. Its code verifier has the 43 characters of RFC 7636, section 4.1. */
export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly expiresAtMs: number;
  /** From where it was begun. */
  readonly network: string;
}

/**
 * Sign-ins that are under way at the provider. Each belongs to one browser, which holds its secret in a cookie, and is
 * good once: whatever comes back spends it.
 */
export class PendingSignIns {
  readonly #clock: Clock;
  readonly #pending = new Map<string, PendingSignIn>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins one from a network; `secret` is for the browser's cookie alone. */
  begin(network: string): { readonly secret: string; readonly pending: PendingSignIn } {
    const secret = createBearerSecret();
    const [state, nonce, verifier] = [createBearerSecret(), createBearerSecret(), createBearerSecret()];
    const pending = {
      ...{ state, nonce, verifier, network },
      expiresAtMs: this.#clock.monotonicMs() + PENDING_LIFETIME_MS,
    };
    this.#pending.set(keyOf(secret), pending);
    this.#forget(
      PENDING_PER_NETWORK_MAX,
      [...this.#pending].filter(([, one]) => one.network === network).map(([key]) => key),
    );
    this.#forget(PENDING_MAX, [...this.#pending.keys()]);
    return { secret, pending };
  }

  /**
   * Spends the sign-in of this browser. Undefined when it has none, was too slow, or the state is another's: then it is not
   * spent, since any page can send a browser here with a state of its own.
   */
  take(secret: string, state: string): PendingSignIn | undefined {
    const key = keyOf(secret);
    const found = this.#pending.get(key);
    if (found === undefined || !isSame(found.state, state)) return undefined;
    this.#pending.delete(key);
    return this.#clock.monotonicMs() < found.expiresAtMs ? found : undefined;
  }

  /** Of `keys`, the oldest first, those beyond the limit. */
  #forget(limit: number, keys: readonly string[]): void {
    for (const key of keys.slice(0, Math.max(keys.length - limit, 0))) this.#pending.delete(key);
  }
}

/** Compares without telling by the time it takes how much is right. */
export function isSame(one: string, other: string): boolean {
  return timingSafeEqual(hashBearerSecret(one), hashBearerSecret(other));
}

function keyOf(secret: string): string {
  return hashBearerSecret(secret).toString('base64url');
}
