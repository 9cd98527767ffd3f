import type { PublicJwk } from '../identity/keys.ts';
import type { AuditEvent } from './event.ts';
import type { FaultList } from './fault-list.ts';
import { END_SIGNED_FIELD, endDifference, type SignedEnd } from './log-end.ts';

/** How long a sentence is taken from an event; our own are shorter. */
const TEXT_LIMIT_CHARACTERS = 300;

/** How the log ends, as it lies in its file: not of an archive, which ends with a checkpoint instead. */
export interface EndAsStored {
  /** Id of the role whose log it is, and the keys that it has had. */
  readonly id: string;
  readonly keys: readonly PublicJwk[];
  /** Number of the last event, and the signature over the log's end at the same moment. */
  readonly foundSeq: number;
  readonly signed?: SignedEnd;
}

/** Whether the log ends as its writer left it: now, and each time it was opened before. */
export class EndCheck {
  readonly #faults: FaultList;
  readonly #stored: EndAsStored | undefined;
  #hashAtSigned: string | undefined;
  #mustBeSigned = false;
  #isSigned = false;

  constructor(faults: FaultList, stored?: EndAsStored) {
    this.#faults = faults;
    this.#stored = stored;
  }

  /** The end is signed by the log's writer: nobody else has added, changed or cut something there. */
  get isSigned(): boolean {
    return this.#isSigned;
  }

  take(event: AuditEvent): void {
    const { type, seq, message } = event;
    if (type === 'checkpoint.signed' && event[END_SIGNED_FIELD] === true) this.#mustBeSigned = true;
    if (seq === this.#stored?.signed?.seq) this.#hashAtSigned = event.hash;
    if (type !== 'audit.end_differed') return;
    const said =
      typeof message === 'string' ? message.slice(0, TEXT_LIMIT_CHARACTERS) : 'it did not end as it was left';
    this.#faults.add({ seq, text: `${said}: so the log itself says in event ${seq}` });
  }

  /** To be called behind the last event. */
  finish(): void {
    const stored = this.#stored;
    if (stored === undefined) return;
    const difference = endDifference({
      ...stored,
      signed: stored.signed,
      hashAtSigned: this.#hashAtSigned,
      mustBeSigned: this.#mustBeSigned,
    });
    this.#isSigned = difference === undefined && stored.signed !== undefined;
    if (difference !== undefined) {
      const { signedSeq = stored.foundSeq, foundSeq, text } = difference;
      this.#faults.add({ seq: Math.min(signedSeq, foundSeq) + 1, text });
    }
  }
}
