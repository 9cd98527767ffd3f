import { messageOf } from '../errors.ts';
import type { AuditEvent } from './event.ts';
import { counted, type FaultList } from './fault-list.ts';

/** Compares recordings with the digests in their `recording.closed` events (fields `path` and `sha256`). */
export class RecordingCheck {
  readonly #digestOf: ((path: string) => Promise<string | undefined>) | undefined;
  readonly #faults: FaultList;
  #fitting = 0;
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
    if (event.type !== 'recording.closed' || typeof path !== 'string' || typeof sha256 !== 'string') return;
    if (this.#digestOf === undefined) {
      this.#unchecked += 1;
      return;
    }
    try {
      const found = await this.#digestOf(path);
      if (found === sha256) this.#fitting += 1;
      else
        this.#report(event.seq, path, found === undefined ? 'is missing' : 'was changed after it was closed');
    } catch (error) {
      this.#report(event.seq, path, `can not be read: ${messageOf(error)}`);
    }
  }

  summary(): { ok: true; text: string } | undefined {
    if (this.#faulty || this.#fitting + this.#unchecked === 0) return undefined;
    return this.#unchecked > 0
      ? { ok: true, text: `${counted(this.#unchecked, 'recording')} not looked at.` }
      : { ok: true, text: `${counted(this.#fitting, 'recording')} unchanged.` };
  }

  #report(seq: number, path: string, what: string): void {
    this.#faulty = true;
    this.#faults.add({ seq, text: `the recording ${path} (event ${seq}) ${what}` });
  }
}
