import type { AuditEventInput, AuditSink } from '../../shared/audit/event.ts';
import { type Clock, isoTime, type Timer } from '../../shared/clock.ts';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';

/** Events that are held at once; of more, the number is entered. */
export const HELD_EVENTS_MAX = 1_000;

/** How often it is tried to enter what is held. */
export const RETRY_MS = 5_000;

/**
 * Appends events whose act must not wait for the audit log: administrators sign in also while it can't be written, since
 * whoever may turn access off must be able to. What could not be stored is held in memory, told to the bastion's log,
 * and entered with its true time (`at`) and `late: true` as soon as that is possible. A process that ends before loses
 * it; its log still has it.
 */
export class LateEvents {
  readonly #audit: AuditSink;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #held: AuditEventInput[] = [];
  #dropped = 0;
  #timer: Timer | undefined;
  #entering: Promise<void> | undefined;

  constructor(options: { readonly audit: AuditSink; readonly clock: Clock; readonly log: Logger }) {
    this.#audit = options.audit;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Never rejects. */
  async append(event: AuditEventInput): Promise<void> {
    try {
      await this.#audit.append(event);
    } catch (error) {
      const { type, actor, source, reason } = event;
      this.#log.error(
        { event: { type, actor, source, reason }, problem: messageOf(error) },
        'an event of a sign-in can not be audited yet',
      );
      this.#hold({ ...event, at: isoTime(this.#clock), late: true });
    }
  }

  /** Tries to enter what is held. */
  enterHeld(): Promise<void> {
    this.#entering ??= this.#enter().finally(() => {
      this.#entering = undefined;
    });
    return this.#entering;
  }

  #hold(event: AuditEventInput): void {
    if (this.#held.length < HELD_EVENTS_MAX) this.#held.push(event);
    else this.#dropped += 1;
    this.#timer ??= this.#clock.after(RETRY_MS, () => this.#retry());
  }

  #retry(): void {
    this.#timer = undefined;
    void this.enterHeld().then(() => {
      if (this.#held.length > 0) this.#timer ??= this.#clock.after(RETRY_MS, () => this.#retry());
    });
  }

  async #enter(): Promise<void> {
    for (let next = this.#held[0]; next !== undefined; next = this.#held[0]) {
      const more = this.#held.length === 1 && this.#dropped > 0 ? { moreNotKept: this.#dropped } : {};
      try {
        await this.#audit.append({ ...next, ...more });
      } catch {
        return;
      }
      if ('moreNotKept' in more) this.#dropped = 0;
      this.#held.shift();
    }
  }
}
