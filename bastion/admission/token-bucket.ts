import type { Clock } from '../../shared/clock.ts';

/** A rate: so many at once, and per second in the long run. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/** Lets things happen at a {@link Rate}, and counts those that it did not let. */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: Clock;
  #tokens: number;
  #filledAtMs: number;
  #missed = 0;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** Undefined: not now, and it is counted. Else how many were counted since the last that was let. */
  take(): { readonly missed: number } | undefined {
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - this.#filledAtMs) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + earned);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) {
      this.#missed += 1;
      return undefined;
    }
    this.#tokens -= 1;
    const missed = this.#missed;
    this.#missed = 0;
    return { missed };
  }
}
