import type { Clock } from '../clock.ts';

/**
 * Remembers ids until they expire, so that a token counts once. It holds at most `limit` ids; when it is full of
 * live ones it takes no new one, since forgetting would let an old token in again.
 */
export class SeenOnce {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #expiries = new Map<string, number>();
  /** The latest expiry that was forgotten. What expires no later may have been seen, even if the clock went back. */
  #forgottenUpToMs = Number.NEGATIVE_INFINITY;

  constructor(options: { readonly limit: number; readonly clock: Clock }) {
    this.#limit = options.limit;
    this.#clock = options.clock;
  }

  /** How many ids are remembered. */
  get size(): number {
    return this.#expiries.size;
  }

  /**
   * Takes note of `id` until `expiresAtMs` (milliseconds since the epoch). False, and then refuse, when it was seen
   * before, when it may have been seen and forgotten, or when there is no room.
   */
  add(id: string, expiresAtMs: number): boolean {
    this.#forgetFromFront();
    if (this.#expiries.has(id) || expiresAtMs <= this.#forgottenUpToMs) return false;
    if (this.#expiries.size >= this.#limit) this.#forgetAnywhere();
    if (this.#expiries.size >= this.#limit || expiresAtMs <= this.#forgottenUpToMs) return false;
    this.#expiries.set(id, expiresAtMs);
    return true;
  }

  /** Tokens of one kind live equally long, so those added first expire first: this is all it takes, mostly. */
  #forgetFromFront(): void {
    const nowMs = this.#clock.nowMs();
    for (const [id, expiresAtMs] of this.#expiries) {
      if (expiresAtMs > nowMs) return;
      this.#forget(id, expiresAtMs);
    }
  }

  #forgetAnywhere(): void {
    const nowMs = this.#clock.nowMs();
    for (const [id, expiresAtMs] of this.#expiries) if (expiresAtMs <= nowMs) this.#forget(id, expiresAtMs);
  }

  #forget(id: string, expiresAtMs: number): void {
    this.#expiries.delete(id);
    this.#forgottenUpToMs = Math.max(this.#forgottenUpToMs, expiresAtMs);
  }
}
