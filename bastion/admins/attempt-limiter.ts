import type { Clock } from '../../shared/clock.ts';

/** What an {@link AttemptLimiter} allows for each key. */
export interface AttemptLimits {
  /** Attempts that may follow each other at once. */
  readonly burst: number;
  /** After which time one more is allowed. */
  readonly refillMs: number;
  /** Keys that are remembered. Beyond it the one that was not used for longest is forgotten. */
  readonly keyLimit: number;
}

/** The answer to one attempt. */
export type AttemptVerdict =
  | { readonly allowed: true }
  | {
      readonly allowed: false;
      /** True for the first refusal of a row, so that a flood makes one audit event and not a million. */
      readonly first: boolean;
      readonly retryAfterMs: number;
    };

interface Bucket {
  readonly left: number;
  readonly atMs: number;
  readonly refused: boolean;
}

/** Counts attempts per key (an account, an address) as a token bucket, in bounded memory. */
export class AttemptLimiter {
  readonly #limits: AttemptLimits;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: AttemptLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Takes one attempt from `key`'s allowance. */
  take(key: string): AttemptVerdict {
    const bucket = this.#refilled(key);
    if (bucket.left < 1) {
      this.#store(key, { ...bucket, refused: true });
      const retryAfterMs = Math.ceil((1 - bucket.left) * this.#limits.refillMs);
      return { allowed: false, first: !bucket.refused, retryAfterMs };
    }
    this.#store(key, { left: bucket.left - 1, atMs: bucket.atMs, refused: false });
    return { allowed: true };
  }

  /** Gives an attempt back that turned out to be right. */
  giveBack(key: string): void {
    const bucket = this.#refilled(key);
    this.#store(key, { ...bucket, left: Math.min(this.#limits.burst, bucket.left + 1) });
  }

  #refilled(key: string): Bucket {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return { left: this.#limits.burst, atMs: nowMs, refused: false };
    const left = Math.min(this.#limits.burst, bucket.left + (nowMs - bucket.atMs) / this.#limits.refillMs);
    return { left, atMs: nowMs, refused: bucket.refused };
  }

  #store(key: string, bucket: Bucket): void {
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size <= this.#limits.keyLimit) return;
    const oldest = this.#buckets.keys().next();
    if (oldest.done !== true) this.#buckets.delete(oldest.value);
  }
}
