import type { Clock } from '../../shared/clock.ts';

const LIFETIME_MS = 5 * 60_000;
/** Registrations under way at once; beyond it the one begun longest ago has to begin again. */
const LIMIT = 1_000;

/** The challenges of registrations under way, by link. Each is good once and for five minutes. */
export class RegistrationChallenges {
  readonly #clock: Clock;
  readonly #challenges = new Map<string, { readonly challenge: string; readonly expiresAtMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers the challenge; an earlier one for the same link counts no more. */
  put(link: string, challenge: string): void {
    this.#challenges.delete(link);
    this.#challenges.set(link, { challenge, expiresAtMs: this.#clock.nowMs() + LIFETIME_MS });
    const oldest = this.#challenges.keys().next();
    if (this.#challenges.size > LIMIT && !oldest.done) this.#challenges.delete(oldest.value);
  }

  /** The challenge, once. */
  take(link: string): string | undefined {
    const found = this.#challenges.get(link);
    this.#challenges.delete(link);
    return found !== undefined && found.expiresAtMs > this.#clock.nowMs() ? found.challenge : undefined;
  }
}
