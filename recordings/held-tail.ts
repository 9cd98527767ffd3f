import type { Clock, Timer } from '../shared/clock.ts';
import { incompleteTailLength } from './utf8.ts';

/** How long the beginning of a character is held back on a terminal, waiting for its rest. */
export const HELD_TAIL_MS = 20;

/**
 * The beginning of a character at the end of a terminal's output, whose rest is still to come. It is neither recorded
 * nor shown until then, or until it has waited for {@link HELD_TAIL_MS}: some programs print what never becomes one.
 */
export class HeldTail {
  readonly #clock: Clock;
  readonly #onWaited: () => void;
  #held: { readonly bytes: Buffer; readonly timer: Timer } | undefined;

  /** `onWaited` is called when what is held has waited long enough: then {@link take} it. */
  constructor(clock: Clock, onWaited: () => void) {
    this.#clock = clock;
    this.#onWaited = onWaited;
  }

  /** What is held and `chunk` behind it, up to the last whole character; the rest is held from now on. */
  join(chunk: Buffer): Buffer {
    const held = this.take();
    const bytes = held === undefined ? chunk : Buffer.concat([held, chunk]);
    const tailLength = incompleteTailLength(bytes);
    if (tailLength === 0) return bytes;
    const whole = bytes.subarray(0, bytes.length - tailLength);
    const timer = this.#clock.after(HELD_TAIL_MS, this.#onWaited);
    // A copy: whoever gave the chunk may use its memory again.
    this.#held = { bytes: Buffer.from(bytes.subarray(whole.length)), timer };
    return whole;
  }

  /** Gives what is held, which then is held no longer. */
  take(): Buffer | undefined {
    const held = this.#held;
    this.#held = undefined;
    held?.timer.cancel();
    return held?.bytes;
  }
}
