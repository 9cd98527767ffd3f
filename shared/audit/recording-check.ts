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
  #deleted = 0;
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
      this.#takeDeletion(path, sha256);
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
  #takeDeletion(path: string, sha256: unknown): void {
    const missing = this.#missing.get(path);
    if (missing === undefined || missing.sha256 !== sha256) return;
    this.#missing.delete(path);
    this.#deleted += 1;
  }

  summary(): { ok: true; text: string } | undefined {
    if (this.#faulty || this.#fitting + this.#unchecked + this.#deleted === 0) return undefined;
    const deleted = this.#deleted === 0 ? '' : `, ${this.#deleted} deleted as the log says`;
    return this.#unchecked > 0
      ? { ok: true, text: `${counted(this.#unchecked, 'recording')} not looked at.` }
      : { ok: true, text: `${counted(this.#fitting, 'recording')} unchanged${deleted}.` };
  }

  #report(seq: number, path: string, what: string): void {
    this.#faulty = true;
    this.#faults.add({ seq, text: `the recording ${path} (event ${seq}) ${what}` });
  }
}
