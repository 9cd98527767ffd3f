import type { Clock } from '../../shared/clock.ts';

/** From the question to the touch of the key. */
const LIFETIME_MS = 5 * 60_000;
/** Questions that wait at once; beyond it the oldest is forgotten, and whoever asked for it asks again. */
const LIMIT = 2_000;

/** Challenges that a security key is to answer. Each is for one purpose, good once and for five minutes. */
export class Challenges {
  readonly #clock: Clock;
  readonly #open = new Map<string, { readonly purpose: string; readonly expiresAtMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers a challenge that was handed out. */
  add(challenge: string, purpose: string): void {
    this.#open.set(challenge, { purpose, expiresAtMs: this.#clock.monotonicMs() + LIFETIME_MS });
    const oldest = this.#open.keys().next();
    if (this.#open.size > LIMIT && oldest.done !== true) this.#open.delete(oldest.value);
  }

  /** True once for a challenge of this purpose. */
  take(challenge: string, purpose: string): boolean {
    const found = this.#open.get(challenge);
    if (found?.purpose !== purpose) return false;
    this.#open.delete(challenge);
    return found.expiresAtMs > this.#clock.monotonicMs();
  }
}
