/** A token bucket: `burst` at once, `perSecond` in the long run. */
export class RateLimit {
  readonly #burst: number;
  readonly #perMs: number;
  readonly #nowMs: () => number;
  #tokens: number;
  #atMs: number;

  constructor(options: { burst: number; perSecond: number; nowMs: () => number }) {
    this.#burst = options.burst;
    this.#perMs = options.perSecond / 1000;
    this.#nowMs = options.nowMs;
    this.#tokens = options.burst;
    this.#atMs = options.nowMs();
  }

  /** Takes one token. False when there is none. */
  take(): boolean {
    if (this.#tokens < 1) {
      const nowMs = this.#nowMs();
      this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
      this.#atMs = nowMs;
      if (this.#tokens < 1) return false;
    }
    this.#tokens -= 1;
    return true;
  }
}
