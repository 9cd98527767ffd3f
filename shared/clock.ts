/** A running timer that can be stopped. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the product sees it. Everything that decides by time takes a clock, so that tests can move it.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump. */
  nowMs(): number;
  /** Milliseconds from an arbitrary start, never backwards. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` every `periodMs`. The timer does not keep the process alive. */
  every(periodMs: number, run: () => void): Timer;
}

/** Node's timers take at most a signed 32-bit number of milliseconds; longer ones fire at once. */
const MAX_DELAY_MS = 2_147_483_647;

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, run) {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(periodMs, run) {
    const timer = setInterval(run, periodMs);
    timer.unref();
    return { cancel: () => clearInterval(timer) };
  },
};

/** `clock`'s time as an ISO 8601 string in UTC with milliseconds. */
export function isoTime(clock: Clock): string {
  return new Date(clock.nowMs()).toISOString();
}
