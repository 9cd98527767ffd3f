import type { Clock, Timer } from '../../shared/clock.ts';

/** How often the clock is looked at: the most by which a session can outlast the time that allows it. */
export const DECISION_CHECK_MS = 1000;

/** The clock was set back when it shows less than it did, by more than a slow correction of it. */
const SET_BACK_MS = 500;

/** Sessions whose decisions hold until a time, each in milliseconds since the epoch. */
export interface Decided {
  readonly decidedUntilMs: number;
}

export interface DecisionWatchOptions {
  readonly sessions: () => Iterable<Decided>;
  /** Decides about all sessions again, which notes until when the new decisions hold. */
  readonly recheck: () => void;
  readonly clock: Clock;
}

/**
 * Has live sessions decided about again when time may have changed the answer: as a window or a contract period ends or
 * begins, and when the clock was set back. Looks at the calendar's time itself, so that setting the clock forward ends
 * sessions as time that passes does.
 */
export class DecisionWatch {
  readonly #options: DecisionWatchOptions;
  readonly #timer: Timer;
  #lastMs: number;

  constructor(options: DecisionWatchOptions) {
    this.#options = options;
    this.#lastMs = options.clock.nowMs();
    this.#timer = options.clock.every(DECISION_CHECK_MS, () => this.#look());
  }

  close(): void {
    this.#timer.cancel();
  }

  #look(): void {
    const { sessions, recheck, clock } = this.#options;
    const nowMs = clock.nowMs();
    const setBack = nowMs < this.#lastMs - SET_BACK_MS;
    this.#lastMs = nowMs;
    for (const { decidedUntilMs } of sessions()) {
      if (!setBack && nowMs < decidedUntilMs) continue;
      recheck();
      return;
    }
  }
}
