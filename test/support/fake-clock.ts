import type { Clock, Timer } from '../../shared/clock.ts';

interface PendingTimer {
  readonly run: () => void;
  readonly periodMs: number | undefined;
  readonly order: number;
  dueMs: number;
}

/** A clock that stands still until a test moves it. Timers fire in the order in which they are due. */
export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  #created = 0;
  readonly #pending = new Set<PendingTimer>();

  constructor(startMs: number = Date.parse('2030-01-01T12:00:00.000Z')) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#schedule(Math.max(delayMs, 0), run, undefined);
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#schedule(Math.max(periodMs, 1), run, Math.max(periodMs, 1));
  }

  /** How many timers wait. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /** Moves time forward by `ms`, firing every timer that becomes due, at its own time. */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms;
    for (let next = this.#nextDue(endMs); next !== undefined; next = this.#nextDue(endMs)) {
      this.#moveTo(next.dueMs);
      if (next.periodMs === undefined) this.#pending.delete(next);
      else next.dueMs += next.periodMs;
      next.run();
    }
    this.#moveTo(endMs);
  }

  /** Like {@link advance}, and lets promises settle after each millisecond step of `stepMs`. */
  async advanceInSteps(ms: number, stepMs: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      this.advance(Math.min(stepMs, left));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Sets the calendar time as an administrator would; timers and monotonic time are not touched. */
  jumpTo(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  #schedule(delayMs: number, run: () => void, periodMs: number | undefined): Timer {
    const timer: PendingTimer = { run, periodMs, order: this.#created++, dueMs: this.#monotonicMs + delayMs };
    this.#pending.add(timer);
    return { cancel: () => this.#pending.delete(timer) };
  }

  #nextDue(endMs: number): PendingTimer | undefined {
    let next: PendingTimer | undefined;
    for (const timer of this.#pending) {
      if (timer.dueMs > endMs) continue;
      const earlier =
        next === undefined ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.order < next.order);
      if (earlier) next = timer;
    }
    return next;
  }

  #moveTo(monotonicMs: number): void {
    this.#nowMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
