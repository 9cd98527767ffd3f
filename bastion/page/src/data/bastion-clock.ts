/** Clocks that are this near count as the same: the bastion tells its time in whole seconds, and answers take a while. */
const TOLERANCE_MS = 5_000;
/** An answer that was under way for longer says too little about the time. */
const USEFUL_WAY_MS = 5_000;

/**
 * The time of day as the bastion has it. What ends when, and how long somebody is in, is decided by the bastion's
 * clock; a laptop's may be wrong by an hour.
 */
export class BastionClock {
  #aheadMs = 0;

  /** How far this device's clock is ahead of the bastion's; 0 when they agree. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  now(): number {
    return Date.now() - this.#aheadMs;
  }

  /** Takes the `date` of an answer that was asked for at `sentMs` and came at `receivedMs`, by this device's clock. */
  heard(date: string | null, sentMs: number, receivedMs: number): void {
    const toldMs = Date.parse(date ?? '');
    const wayMs = receivedMs - sentMs;
    if (Number.isNaN(toldMs) || wayMs < 0 || wayMs > USEFUL_WAY_MS) return;
    // The middle of the second that the header names, seen in the middle of the way.
    const aheadMs = (sentMs + receivedMs) / 2 - (toldMs + 500);
    this.#aheadMs = Math.abs(aheadMs) <= TOLERANCE_MS ? 0 : aheadMs;
  }
}
