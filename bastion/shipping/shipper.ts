import type { AuditEvent, AuditSource } from '../../shared/audit/event.ts';
import type { Clock, Timer } from '../../shared/clock.ts';
import { isDrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { Send } from './senders.ts';
import type { ShipCursors } from './ship-cursors.ts';

/** Events in one batch, and the size of their text at which a batch is closed before. */
export const BATCH_EVENTS = 500;
export const BATCH_BYTES = 1024 * 1024;

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 5 * 60 * 1000;
/** Events that happen within this time go together. */
const GATHER_MS = 200;

/** How a destination is doing. */
export interface ShipSummary {
  readonly name: string;
  readonly kind: string;
  readonly state: 'current' | 'behind' | 'failing';
  /** Number of the last event that the other end has. */
  readonly sent: number;
  /** Events that it does not have yet. */
  readonly behind: number;
  /** ISO time of the last batch that was taken. */
  readonly lastSentAt?: string;
  readonly problem?: string;
}

/** What a {@link Shipper} needs. */
export interface ShipperParts {
  readonly name: string;
  readonly kind: string;
  readonly only: 'all' | 'checkpoints';
  readonly send: Send;
  readonly source: Pick<AuditSource, 'query' | 'head' | 'subscribe'>;
  readonly cursors: ShipCursors;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Sends the audit log to one destination, from where it was left, in order, each event at least once. It reads from the
 * log itself: whatever happens while the other end is away waits there, and nothing in memory.
 */
export class Shipper {
  readonly #parts: ShipperParts;
  readonly #stopping = new AbortController();
  readonly #unsubscribe: () => void;
  #sent: number;
  #head: number;
  #lastSentAtMs: number | undefined;
  #problem: string | undefined;
  #retryMs = FIRST_RETRY_MS;
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;

  private constructor(parts: ShipperParts, sent: number, head: number) {
    this.#parts = parts;
    this.#sent = sent;
    this.#head = head;
    this.#unsubscribe = parts.source.subscribe((event) => {
      this.#head = event.seq;
      if (this.#problem === undefined) this.#soon(GATHER_MS);
    });
  }

  /** @throws `store.*` */
  static async start(parts: ShipperParts): Promise<Shipper> {
    const { seq } = await parts.source.head();
    // A log that is shorter than what was sent was restored from a backup: what comes now is new.
    const sent = Math.min(await parts.cursors.read(parts.name), seq);
    const shipper = new Shipper(parts, sent, seq);
    shipper.#soon(0);
    return shipper;
  }

  get summary(): ShipSummary {
    const { name, kind } = this.#parts;
    const behind = Math.max(this.#head - this.#sent, 0);
    return {
      name,
      kind,
      state: this.#problem !== undefined ? 'failing' : behind > 0 ? 'behind' : 'current',
      sent: this.#sent,
      behind,
      ...(this.#lastSentAtMs === undefined ? {} : { lastSentAt: new Date(this.#lastSentAtMs).toISOString() }),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
    };
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#timer?.cancel();
    this.#stopping.abort();
    await this.#running;
  }

  #soon(delayMs: number): void {
    if (this.#timer !== undefined || this.#running !== undefined || this.#stopping.signal.aborted) return;
    this.#timer = this.#parts.clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
        if (this.#problem !== undefined) this.#soon(this.#nextRetryMs());
        else if (this.#head > this.#sent) this.#soon(GATHER_MS);
      });
    });
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      while (!signal.aborted && (await this.#sendNext(signal)));
    } catch (error) {
      if (signal.aborted) return;
      const sentence = isDrawbridgeError(error) ? error.message : 'The events could not be sent.';
      if (this.#problem === undefined) {
        this.#parts.log.warn(
          { err: error, destination: this.#parts.name },
          'audit events can not be shipped just now',
        );
      }
      this.#problem = sentence;
    }
  }

  /** False when there is nothing more to send. */
  async #sendNext(signal: AbortSignal): Promise<boolean> {
    const { source, cursors, send, only, name, clock } = this.#parts;
    const { seq: head } = await source.head();
    this.#head = Math.max(this.#head, head);
    const type = only === 'checkpoints' ? { type: 'checkpoint.signed' } : {};
    const found = await source.query({ after: this.#sent, limit: BATCH_EVENTS, ...type });
    const batch = withinBytes(found);
    const last = batch.at(-1);
    if (last === undefined) {
      // Events that this destination does not want are behind it as well.
      this.#sent = head;
      this.#succeeded();
      return false;
    }
    await send(batch, signal);
    await cursors.write(name, last.seq);
    this.#sent = last.seq;
    this.#lastSentAtMs = clock.nowMs();
    this.#succeeded();
    return true;
  }

  #succeeded(): void {
    this.#problem = undefined;
    this.#retryMs = FIRST_RETRY_MS;
  }

  /** Doubles from try to try, with jitter, so that many bastions do not come back as one. */
  #nextRetryMs(): number {
    const delayMs = this.#retryMs * (0.5 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    return delayMs;
  }
}

/** The first ones that are small enough together; at least one, however large. */
function withinBytes(events: readonly AuditEvent[]): readonly AuditEvent[] {
  let bytes = 0;
  const end = events.findIndex((event) => {
    bytes += JSON.stringify(event).length;
    return bytes > BATCH_BYTES;
  });
  return end < 0 ? events : events.slice(0, Math.max(end, 1));
}
