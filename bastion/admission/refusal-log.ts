import type { AuditEventInput, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { TokenBucket } from './token-bucket.ts';

/** Refusals of one type that are entered one by one: at once, and per second in the long run. */
export const REFUSAL_BURST = 200;
export const REFUSALS_PER_SECOND = 10;

/**
 * Enters refusals in the audit log, and only counts those of a flood: otherwise somebody who is refused over and over
 * could fill the customer's disk. The next entry of that type says how many were counted only. Each type has a limit of
 * its own, so that a flood of refused agents hides no refused operator.
 */
export class RefusalLog {
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #byType = new Map<string, TokenBucket>();

  constructor(audit: AuditSink, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
  }

  /** Resolves when the refusal is stored, or counted. Rejects with `audit.unavailable`; refuse all the same. */
  async add(event: AuditEventInput): Promise<void> {
    const turn = this.#bucket(event.type).take();
    if (turn === undefined) return;
    await this.#audit.append(turn.missed === 0 ? event : { ...event, unlistedRefusals: turn.missed });
  }

  #bucket(type: string): TokenBucket {
    const known = this.#byType.get(type);
    if (known !== undefined) return known;
    const bucket = new TokenBucket({ burst: REFUSAL_BURST, perSecond: REFUSALS_PER_SECOND }, this.#clock);
    this.#byType.set(type, bucket);
    return bucket;
  }
}
