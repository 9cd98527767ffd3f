import { type Clock, systemClock, type Timer } from '../../shared/clock.ts';

/** The machine's clock, whose time of day can be put forward: for codes that are used up and logins that expire. */
export class ShiftedClock implements Clock {
  shiftMs = 0;

  /** Puts the time of day forward. Timers that run are not touched. */
  advance(ms: number): void {
    this.shiftMs += ms;
  }

  nowMs(): number {
    return systemClock.nowMs() + this.shiftMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.shiftMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return systemClock.after(delayMs, run);
  }

  every(periodMs: number, run: () => void): Timer {
    return systemClock.every(periodMs, run);
  }
}
