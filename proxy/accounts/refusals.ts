import { AttemptLimit, type AttemptRate } from '../../shared/accounts/attempt-limit.ts';
import type { Actor, AuditEventInput, AuditSink, Json } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { networkOf } from '../../shared/network.ts';

/**
 * How many refusals of one address become events of their own. Anyone on the Internet can be refused, and each
 * event costs the disk; what is beyond is counted and told with the next event of that address.
 */
const EVENT_RATE: AttemptRate = { burst: 60, refillMs: 5_000 };

/** Addresses whose untold refusals are counted; beyond it, the count of the longest quiet one is dropped. */
const COUNTED_LIMIT = 10_000;

/** A refusal as it is told to the audit log. Never a secret among the fields. */
export interface Refusal {
  readonly type: 'operator.refused' | 'bastion.refused' | 'forward.refused' | 'channel.refused';
  /** A stable word: `wrong_code`, `unknown_key`, … */
  readonly reason: string;
  /** The peer's address. */
  readonly source: string;
  readonly operator?: string;
  readonly host?: string;
  readonly [field: string]: Json | undefined;
}

/** Enters refusals in the audit log, a bounded number per address. */
export class Refusals {
  readonly #audit: AuditSink;
  readonly #rate: AttemptLimit;
  readonly #untold = new Map<string, number>();

  constructor(audit: AuditSink, clock: Clock) {
    this.#audit = audit;
    this.#rate = new AttemptLimit(EVENT_RATE, clock);
  }

  /**
   * Stores the event, or counts it when its address has had too many.
   * @throws `audit.unavailable`; the peer stays refused all the same.
   */
  async add(refusal: Refusal): Promise<void> {
    const network = networkOf(refusal.source);
    const untold = this.#untold.get(network) ?? 0;
    if (!this.#rate.take(network)) {
      this.#count(network, untold + 1);
      return;
    }
    this.#untold.delete(network);
    const event: AuditEventInput = {
      ...refusal,
      actor: actorOf(refusal),
      ...(untold === 0 ? {} : { alsoRefused: untold }),
    };
    await this.#audit.append(event);
  }

  #count(network: string, untold: number): void {
    this.#untold.delete(network);
    this.#untold.set(network, untold);
    const quietest = this.#untold.keys().next();
    if (this.#untold.size > COUNTED_LIMIT && !quietest.done) this.#untold.delete(quietest.value);
  }
}

function actorOf(refusal: Refusal): Actor {
  return refusal.operator === undefined ? 'system' : `operator:${refusal.operator}`;
}
