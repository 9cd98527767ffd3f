import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../../shared/clock.ts';
import { createBearerSecret, hashBearerSecret } from '../bearer-secret.ts';

/** From the button to the return from the provider. */
export const PENDING_LIFETIME_MS = 10 * 60_000;
/** Sign-ins that are under way at once; beyond it the oldest is forgotten, and whoever began it begins again. */
export const PENDING_MAX = 2_000;
/** A code verifier of 43 characters (RFC 7636, section 4.1). */
const RANDOM_BYTES = 32;

/** A sign-in that was sent to the provider. */
export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly expiresAtMs: number;
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

  /** Begins one; `secret` is for the browser's cookie alone. */
  begin(): { readonly secret: string; readonly pending: PendingSignIn } {
    const secret = createBearerSecret();
    const [state, nonce, verifier] = [random(), random(), random()];
    const pending = {
      ...{ state, nonce, verifier },
      expiresAtMs: this.#clock.monotonicMs() + PENDING_LIFETIME_MS,
    };
    this.#pending.set(keyOf(secret), pending);
    const oldest = this.#pending.keys().next();
    if (this.#pending.size > PENDING_MAX && oldest.done !== true) this.#pending.delete(oldest.value);
    return { secret, pending };
  }

  /** Spends the sign-in of this browser. Undefined when it has none, was too slow, or the state is another's. */
  take(secret: string, state: string): PendingSignIn | undefined {
    const key = keyOf(secret);
    const found = this.#pending.get(key);
    this.#pending.delete(key);
    if (found === undefined || this.#clock.monotonicMs() >= found.expiresAtMs) return undefined;
    return isSame(found.state, state) ? found : undefined;
  }
}

/** Compares without telling by the time it takes how much is right. */
export function isSame(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function random(): string {
  return randomBytes(RANDOM_BYTES).toString('base64url');
}

function keyOf(secret: string): string {
  return hashBearerSecret(secret).toString('base64url');
}
