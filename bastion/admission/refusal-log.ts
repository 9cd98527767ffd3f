import type { AuditEventInput, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';

/** Refusals that are entered one by one: at once, and per second in the long run. */
export const REFUSAL_BURST = 200;
export const REFUSALS_PER_SECOND = 10;

/**
 * Enters refusals in the audit log, and only counts those of a flood: otherwise somebody who is refused over and over
 * could fill the customer's disk. The next entry says how many were counted only.
 */
export class RefusalLog {
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  #tokens = REFUSAL_BURST;
  #filledAtMs: number;
  #unlisted = 0;

  constructor(audit: AuditSink, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
    this.#filledAtMs = clock.monotonicMs();
  }

  /** Resolves when the refusal is stored, or counted. Rejects with `audit.unavailable`; refuse all the same. */
  async add(event: AuditEventInput): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const earned = ((nowMs - this.#filledAtMs) / 1000) * REFUSALS_PER_SECOND;
    this.#tokens = Math.min(REFUSAL_BURST, this.#tokens + earned);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) {
      this.#unlisted += 1;
      return;
    }
    this.#tokens -= 1;
    const unlisted = this.#unlisted;
    this.#unlisted = 0;
    await this.#audit.append(unlisted === 0 ? event : { ...event, unlistedRefusals: unlisted });
  }
}
