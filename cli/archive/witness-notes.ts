import { checkpointIn } from '../../shared/audit/checkpoint-note.ts';
import { cosignedAtMs } from '../../shared/audit/cosignature.ts';
import { counted, type FaultList } from '../../shared/audit/fault-list.ts';
import type { VerifierKey } from '../../shared/audit/verifier-key.ts';
import { messageOf } from '../../shared/errors.ts';

/** Notes that are held while an archive is verified; a bastion keeps a thousand. */
const NOTES_LIMIT = 20_000;

/** Checkpoints that others than the log itself have kept, and what their counter-signatures say. */
export class WitnessNotes {
  readonly #witnesses: readonly VerifierKey[];
  readonly #log: string;
  readonly #faults: FaultList;
  readonly notes: string[] = [];
  /** Of each that the witness has counter-signed: how many events it covers, and when that was. */
  #signed: { readonly size: number; readonly atMs: number }[] = [];

  /** @param log Id of the role whose log it is. */
  constructor(witnesses: readonly VerifierKey[], log: string, faults: FaultList) {
    this.#witnesses = witnesses;
    this.#log = log;
    this.#faults = faults;
  }

  /** Notes that the witness has counter-signed. */
  get cosigned(): number {
    return this.#signed.length;
  }

  /** @param mustBeCosigned The note says that it was; then it has to be by the witness, if its key is known. */
  takeAll(notes: readonly string[], what: string, mustBeCosigned = false): void {
    for (const note of notes) {
      if (this.notes.length >= NOTES_LIMIT) {
        this.#faults.add({ text: `there are more than ${NOTES_LIMIT} checkpoints` });
        return;
      }
      try {
        const { id, size } = checkpointIn(note);
        if (id !== this.#log) {
          this.#faults.add({ text: `${what} is about the log of ${id.slice(0, 64)}` });
          continue;
        }
        this.notes.push(note);
        if (this.#witnesses.length === 0) continue;
        const atMs = this.#cosignedAtMs(note);
        if (atMs !== undefined) this.#signed.push({ size, atMs });
        else if (mustBeCosigned) {
          this.#faults.add({ text: `${what} over ${size} events is not signed with the witness's key` });
        }
      } catch (error) {
        this.#faults.add({ text: `${what}: ${messageOf(error)}` });
      }
    }
  }

  /** The latest time at which one of the witness's keys signed it. */
  #cosignedAtMs(note: string): number | undefined {
    const times = this.#witnesses
      .map((witness) => cosignedAtMs(note, witness))
      .filter((atMs) => atMs !== undefined);
    return times.length === 0 ? undefined : Math.max(...times);
  }

  /**
   * To be called behind the last event. What covers fewer or more events than these was compared with nothing.
   * @param events The number of the event before the first one that was looked at, and of the last one.
   */
  finish(events: { readonly from: number; readonly to: number }): void {
    this.#signed = this.#signed.filter(({ size }) => size > events.from && size <= events.to);
    const [witness] = this.#witnesses;
    if (witness === undefined || this.#signed.length > 0) return;
    this.#faults.add({
      text: `there is no checkpoint over these events that the witness ${witness.id} has counter-signed`,
    });
  }

  summary(): { ok: true; text: string } | undefined {
    const [witness] = this.#witnesses;
    if (witness === undefined) {
      return {
        ok: true,
        text: 'No key of a witness was given: a log that was rewritten or rolled back as a whole by its owner would not show.',
      };
    }
    const [first, ...others] = this.#signed;
    if (first === undefined) return undefined;
    const { size, atMs } = others.reduce((last, next) => (next.size >= last.size ? next : last), first);
    const last = `the last over ${counted(size, 'event')} at ${new Date(atMs).toISOString()}`;
    return {
      ok: true,
      text: `${counted(this.#signed.length, 'checkpoint')} counter-signed by the witness ${witness.id}, ${last}.`,
    };
  }
}
