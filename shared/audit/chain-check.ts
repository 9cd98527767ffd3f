import { GENESIS_HASH, hashEvent, lineOf } from './chain.ts';
import type { AuditEvent } from './event.ts';
import { counted, type FaultList } from './fault-list.ts';

/** Follows the links from event to event. After a fault it goes on from what it found, to find further ones. */
export class ChainCheck {
  readonly #faults: FaultList;
  #events = 0;
  #seq = 0;
  #head = GENESIS_HASH;
  #time = '';
  #clockWentBack: { count: number; firstSeq: number } | undefined;
  #isWhole = true;

  constructor(faults: FaultList) {
    this.#faults = faults;
  }

  /** Number of events seen. */
  get events(): number {
    return this.#events;
  }

  /** Hash of the last event. */
  get head(): string {
    return this.#head;
  }

  /** True while no fault was found. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** The event's line, or `undefined` when it can't have one. */
  take(event: AuditEvent): string | undefined {
    const own = ownHashAndLine(event);
    const fault = this.#faultOf(event, own?.hash);
    if (fault !== undefined) this.#report(event.seq, fault);
    this.#watchClock(event);
    this.#events += 1;
    this.#seq = event.seq;
    this.#head = event.hash;
    return own?.line;
  }

  /** Something stands where an event should be. */
  skipUnreadable(): void {
    this.#events += 1;
    this.#seq += 1;
    this.#report(this.#seq, `event ${this.#seq} is not readable as an event`);
  }

  summary(): { ok: true; text: string } | undefined {
    if (!this.#isWhole) return undefined;
    if (this.#events === 0) return { ok: true, text: 'The log is empty.' };
    const back = this.#clockWentBack;
    const clock =
      back === undefined
        ? ''
        : ` The clock went back ${counted(back.count, 'time')}, first at event ${back.firstSeq}.`;
    return {
      ok: true,
      text: `${counted(this.#events, 'event')} unchanged and linked without a gap.${clock}`,
    };
  }

  #faultOf(event: AuditEvent, ownHash: string | undefined): string | undefined {
    const expected = this.#seq + 1;
    if (event.seq > expected) {
      return event.seq === expected + 1
        ? `event ${expected} is missing`
        : `events ${expected} to ${event.seq - 1} are missing`;
    }
    if (event.seq < expected) return `event ${event.seq} stands where event ${expected} should be`;
    if (ownHash !== event.hash) return `event ${event.seq} was changed after it was stored`;
    if (event.prev !== this.#head) return `event ${event.seq} does not follow on the event before it`;
    return undefined;
  }

  #report(seq: number, text: string): void {
    this.#isWhole = false;
    this.#faults.add({ seq, text });
  }

  #watchClock(event: AuditEvent): void {
    if (event.time < this.#time) {
      this.#clockWentBack ??= { count: 0, firstSeq: event.seq };
      this.#clockWentBack.count += 1;
    }
    this.#time = event.time;
  }
}

function ownHashAndLine(event: AuditEvent): { hash: string; line: string } | undefined {
  try {
    return { hash: hashEvent(event), line: lineOf(event) };
  } catch {
    // What canonical JSON can't say was never hashed by us.
    return undefined;
  }
}
