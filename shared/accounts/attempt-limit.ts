import type { Clock } from '../clock.ts';

/** How many attempts at once, and how fast they come back. */
export interface AttemptRate {
  readonly burst: number;
  /** One attempt is given back after so many milliseconds. */
  readonly refillMs: number;
}

/** Names of one band that are remembered; beyond it, those that were used longest ago are forgotten. */
const REMEMBERED_LIMIT = 10_000;

interface Bucket {
  left: number;
  updatedMs: number;
  /** Whether it has been said that there is none left. */
  refused: boolean;
}

/**
 * Counts attempts by name (an address, an account) in token buckets. A name is never shut out for good: each
 * `refillMs` without attempts gives one back.
 */
export class AttemptLimit {
  readonly #rate: AttemptRate;
  readonly #clock: Clock;
  /**
   * Names by how much they have used: nothing, 1 attempt, 2 to 3, 4 to 7, and so on. Each band forgets by itself, so that
   * to name many others once each makes nobody forgotten who has used more.
   */
  readonly #bands: Map<string, Bucket>[] = [];

  constructor(rate: AttemptRate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
  }

  /** Milliseconds until the name may try again; 0 when it may now. Takes nothing. */
  waitMs(name: string): number {
    const bucket = this.#find(name);
    if (!bucket) return 0;
    this.#refill(bucket);
    if (bucket.left >= 1) return 0;
    return Math.ceil((1 - bucket.left) * this.#rate.refillMs);
  }

  /** Takes one attempt from the name. False when there was none left. */
  take(name: string): boolean {
    const bucket = this.#find(name) ?? {
      left: this.#rate.burst,
      updatedMs: this.#clock.monotonicMs(),
      refused: false,
    };
    this.#refill(bucket);
    const taken = bucket.left >= 1;
    if (taken) {
      bucket.left -= 1;
      bucket.refused = false;
    }
    this.#remember(name, bucket);
    return taken;
  }

  /** True for the first refusal of a row, so that a flood makes one audit event and not a million. */
  noteRefusal(name: string): boolean {
    const bucket = this.#find(name);
    if (bucket === undefined) return true;
    const first = !bucket.refused;
    bucket.refused = true;
    return first;
  }

  /** Gives one attempt back: it turned out to be good. */
  giveBack(name: string): void {
    const bucket = this.#find(name);
    if (!bucket) return;
    bucket.left = Math.min(this.#rate.burst, bucket.left + 1);
    this.#remember(name, bucket);
  }

  #find(name: string): Bucket | undefined {
    for (const band of this.#bands) {
      const bucket = band.get(name);
      if (bucket) return bucket;
    }
    return undefined;
  }

  #refill(bucket: Bucket): void {
    const nowMs = this.#clock.monotonicMs();
    const earned = (nowMs - bucket.updatedMs) / this.#rate.refillMs;
    bucket.left = Math.min(this.#rate.burst, bucket.left + earned);
    bucket.updatedMs = nowMs;
  }

  #remember(name: string, bucket: Bucket): void {
    for (const band of this.#bands) band.delete(name);
    const number = bandOf(this.#rate.burst - bucket.left);
    while (this.#bands.length <= number) this.#bands.push(new Map());
    const band = this.#bands[number];
    // A Map keeps the order of insertion: the first is the one that was used longest ago.
    band?.set(name, bucket);
    if (band === undefined || band.size <= REMEMBERED_LIMIT) return;
    const oldest = band.keys().next();
    if (!oldest.done) band.delete(oldest.value);
  }
}

/** 0 for nothing used, 1 for one attempt, and one more for each doubling. */
function bandOf(used: number): number {
  return 32 - Math.clz32(Math.ceil(used));
}
