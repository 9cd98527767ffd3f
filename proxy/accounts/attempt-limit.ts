import type { Clock } from '../../shared/clock.ts';

/** How many attempts at once, and how fast they come back. */
export interface AttemptRate {
  readonly burst: number;
  /** One attempt is given back after so many milliseconds. */
  readonly refillMs: number;
}

/** Names that are remembered; beyond it, those that were used longest ago are forgotten. */
const REMEMBERED_LIMIT = 10_000;

interface Bucket {
  left: number;
  updatedMs: number;
}

/**
 * Counts attempts by name (an address, an account) in token buckets. A name is never shut out for good: each
 * `refillMs` without attempts gives one back.
 */
export class AttemptLimit {
  readonly #rate: AttemptRate;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(rate: AttemptRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Milliseconds until the name may try again; 0 when it may now. Takes nothing. */
  waitMs(name: string): number {
    const bucket = this.#buckets.get(name);
    if (!bucket) return 0;
    this.#refill(bucket);
    if (bucket.left >= 1) return 0;
    return Math.ceil((1 - bucket.left) * this.#rate.refillMs);
  }

  /** Takes one attempt from the name. False when there was none left. */
  take(name: string): boolean {
    const bucket = this.#buckets.get(name) ?? {
      left: this.#rate.burst,
      updatedMs: this.#clock.monotonicMs(),
    };
    this.#refill(bucket);
    this.#remember(name, bucket);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  /** Gives one attempt back: it turned out to be good. */
  giveBack(name: string): void {
    const bucket = this.#buckets.get(name);
    if (bucket) bucket.left = Math.min(this.#rate.burst, bucket.left + 1);
  }

  #refill(bucket: Bucket): void {
    const nowMs = this.#clock.monotonicMs();
    const earned = (nowMs - bucket.updatedMs) / this.#rate.refillMs;
    bucket.left = Math.min(this.#rate.burst, bucket.left + earned);
    bucket.updatedMs = nowMs;
  }

  #remember(name: string, bucket: Bucket): void {
    // A Map keeps the order of insertion: the first is the one that was used longest ago.
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size <= REMEMBERED_LIMIT) return;
    const oldest = this.#buckets.keys().next();
    if (!oldest.done) this.#buckets.delete(oldest.value);
  }
}
