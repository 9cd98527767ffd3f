import type { AuditEventType, Json } from '../../shared/audit/event.ts';
import type { Clock, Timer } from '../../shared/clock.ts';

/**
 * What happens to small files comes by the hundred a second, and each group of events costs the disk a sync and the
 * processor half of what the file itself does. Nothing waits for these events, so that they may wait this long for others.
 */
export const GATHER_MS = 25;

/** Events that wait for others; with so many they are stored at once. */
export const GATHERED_LIMIT = 128;

type Fields = Readonly<Record<string, Json | undefined>>;

interface FileEvent {
  readonly type: AuditEventType;
  readonly fields: Fields;
}

/**
 * The events about the files of one channel, on their way into the audit log in the order in which they come. The first
 * is stored at once, and what comes within {@link GATHER_MS} of the last group is stored together.
 */
export class FileEvents {
  readonly #clock: Clock;
  readonly #record: (type: AuditEventType, fields: Fields) => Promise<void>;
  #held: FileEvent[] = [];
  #timer: Timer | undefined;
  #lastGroupMs = Number.NEGATIVE_INFINITY;
  readonly #underWay = new Set<Promise<void>>();

  /** `record` ends the session when it fails. */
  constructor(options: {
    readonly clock: Clock;
    record(type: AuditEventType, fields: Fields): Promise<void>;
  }) {
    this.#clock = options.clock;
    this.#record = options.record;
  }

  add(type: AuditEventType, fields: Fields): void {
    this.#held.push({ type, fields });
    const waitMs = this.#lastGroupMs + GATHER_MS - this.#clock.monotonicMs();
    if (waitMs <= 0 || this.#held.length >= GATHERED_LIMIT) this.#store();
    else this.#timer ??= this.#clock.after(waitMs, () => this.#store());
  }

  /** Stores what is held. Resolves when all is stored, or has failed. */
  async settle(): Promise<void> {
    this.#store();
    await Promise.all(this.#underWay);
  }

  /** Asked for in one turn of the event loop, they are one group of the audit log. */
  #store(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#held.length === 0) return;
    this.#lastGroupMs = this.#clock.monotonicMs();
    for (const { type, fields } of this.#held.splice(0)) {
      // A failure has ended the session already; here it only must not go unheard.
      const settled = this.#record(type, fields)
        .catch(() => undefined)
        .finally(() => this.#underWay.delete(settled));
      this.#underWay.add(settled);
    }
  }
}
