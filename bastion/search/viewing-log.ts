import type { Actor, AuditEventInput, AuditSink } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';

/** Looking at the same thing again within so long is one look: a player asks for a recording piece by piece. */
export const ONE_LOOK_MS = 10 * 60 * 1000;

/** Looks remembered at once; the oldest are forgotten, and entered anew when they go on. */
const LOOKS_LIMIT = 1000;

/** Enters who looks at what, before they see it. */
export class ViewingLog {
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #looks = new Map<string, { readonly untilMs: number; readonly stored: Promise<unknown> }>();

  constructor(audit: AuditSink, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
  }

  /** @throws `audit.unavailable`: then nothing may be shown. */
  async entered(actor: Actor, what: string, event: AuditEventInput): Promise<void> {
    const key = JSON.stringify([actor, what]);
    const nowMs = this.#clock.monotonicMs();
    const known = this.#looks.get(key);
    if (known !== undefined && known.untilMs > nowMs) {
      await known.stored;
      return;
    }
    const stored = this.#audit.append(event);
    this.#looks.delete(key);
    this.#looks.set(key, { untilMs: nowMs + ONE_LOOK_MS, stored });
    for (const oldest of this.#looks.keys()) {
      if (this.#looks.size <= LOOKS_LIMIT) break;
      this.#looks.delete(oldest);
    }
    try {
      await stored;
    } catch (error) {
      this.#looks.delete(key);
      throw error;
    }
  }
}
