import { hash as hashOf } from 'node:crypto';
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

  /** @param start The event before the first one, when the log does not begin at its beginning. */
  constructor(faults: FaultList, start?: { readonly seq: number; readonly hash: string }) {
    this.#faults = faults;
    if (start === undefined) return;
    this.#seq = start.seq;
    this.#head = start.hash;
  }

  /** Number of the last event. */
  get seq(): number {
    return this.#seq;
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

  /**
   * The event's line, or `undefined` when it can't have one.
   * @param stored The line that the event was read from, when there is one: then that is what counts, byte by byte.
   */
  take(event: AuditEvent, stored?: string): string | undefined {
    const own =
      (stored === undefined ? undefined : storedHashAndLine(event, stored)) ?? ownHashAndLine(event, stored);
    const fault = this.#faultOf(event, own?.hash);
    // What is missing is named, and not what stands in its place.
    if (fault !== undefined) this.#report(Math.min(event.seq, this.#seq + 1), fault);
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

/**
 * The hash of a line as it was stored: it is canonical JSON, so that leaving out the member `hash` gives the text that
 * was hashed. Many times as fast as making canonical JSON anew; undefined when the line does not look like that.
 */
function storedHashAndLine(event: AuditEvent, line: string): { hash: string; line: string } | undefined {
  const member = `"hash":"${event.hash}",`;
  const at = line.indexOf(member);
  if (at < 0 || line.indexOf(member, at + 1) >= 0) return undefined;
  const hash = hashOf('sha256', line.slice(0, at) + line.slice(at + member.length), 'hex');
  return hash === event.hash ? { hash, line } : undefined;
}

function ownHashAndLine(event: AuditEvent, stored?: string): { hash: string; line: string } | undefined {
  try {
    const line = lineOf(event);
    // A line that says the same in other words is not the one that was stored.
    if (stored !== undefined && stored !== line) return undefined;
    return { hash: hashEvent(event), line };
  } catch {
    // What canonical JSON can't say was never hashed by us.
    return undefined;
  }
}
