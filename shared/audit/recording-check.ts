import { messageOf } from '../errors.ts';
import type { AuditEvent } from './event.ts';
import { counted, type FaultList } from './fault-list.ts';

/** Compares recordings with the digests in their `recording.closed` events (fields `path` and `sha256`). */
export class RecordingCheck {
  readonly #digestOf: ((path: string) => Promise<string | undefined>) | undefined;
  readonly #faults: FaultList;
  /** Recordings whose file is not there, by path: a later event may say that it was deleted. */
  readonly #missing = new Map<string, { readonly seq: number; readonly sha256: string }>();
  #fitting = 0;
  /** The events that say of a missing recording that it was deleted. */
  readonly #deletedSeqs: number[] = [];
  #unchecked = 0;
  #faulty = false;

  constructor(digestOf: ((path: string) => Promise<string | undefined>) | undefined, faults: FaultList) {
    this.#digestOf = digestOf;
    this.#faults = faults;
  }

  /** Number of recordings that have the digest that the log gives. */
  get fitting(): number {
    return this.#fitting;
  }

  async take(event: AuditEvent): Promise<void> {
    const { path, sha256 } = event;
    if (event.type === 'recording.deleted' && typeof path === 'string') {
      this.#takeDeletion(event.seq, path, sha256);
      return;
    }
    if (event.type !== 'recording.closed' || typeof path !== 'string' || typeof sha256 !== 'string') return;
    if (this.#digestOf === undefined) {
      this.#unchecked += 1;
      return;
    }
    try {
      const found = await this.#digestOf(path);
      if (found === sha256) this.#fitting += 1;
      else if (found === undefined) this.#missing.set(path, { seq: event.seq, sha256 });
      else this.#report(event.seq, path, 'was changed after it was closed');
    } catch (error) {
      this.#report(event.seq, path, `can not be read: ${messageOf(error)}`);
    }
  }

  /** To be called behind the last event: what is missing and was not deleted is a fault. */
  finish(): void {
    for (const [path, { seq }] of this.#missing) this.#report(seq, path, 'is missing');
    this.#missing.clear();
  }

  /** A deletion counts for the very content that it names. */
  #takeDeletion(seq: number, path: string, sha256: unknown): void {
    const missing = this.#missing.get(path);
    if (missing === undefined || missing.sha256 !== sha256) return;
    this.#missing.delete(path);
    this.#deletedSeqs.push(seq);
  }

  /** @param coveredEvents The last event that a checkpoint covers: a deletion behind it, anybody may have entered. */
  summary(coveredEvents: number): { ok: true; text: string } | undefined {
    const deleted = this.#deletedSeqs.length;
    if (this.#faulty || this.#fitting + this.#unchecked + deleted === 0) return undefined;
    if (this.#unchecked > 0)
      return { ok: true, text: `${counted(this.#unchecked, 'recording')} not looked at.` };
    const unsigned = this.#deletedSeqs.filter((seq) => seq > coveredEvents).length;
    const texts = [
      `${counted(this.#fitting, 'recording')} unchanged`,
      ...(deleted === 0 ? [] : [`${deleted} deleted as the log says`]),
      ...(unsigned === 0 ? [] : [`${unsigned} of these by events that are not signed yet`]),
    ];
    return { ok: true, text: `${texts.join(', ')}.` };
  }

  #report(seq: number, path: string, what: string): void {
    this.#faulty = true;
    this.#faults.add({ seq, text: `the recording ${path} (event ${seq}) ${what}` });
  }
}
