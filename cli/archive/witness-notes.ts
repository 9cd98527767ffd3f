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
  readonly #faults: FaultList;
  readonly notes: string[] = [];
  #cosigned = 0;
  #latest: { readonly size: number; readonly atMs: number } | undefined;

  constructor(witnesses: readonly VerifierKey[], faults: FaultList) {
    this.#witnesses = witnesses;
    this.#faults = faults;
  }

  /** Notes that the witness has counter-signed. */
  get cosigned(): number {
    return this.#cosigned;
  }

  /** @param mustBeCosigned The note says that it was; then it has to be by the witness, if its key is known. */
  takeAll(notes: readonly string[], what: string, mustBeCosigned = false): void {
    for (const note of notes) {
      if (this.notes.length >= NOTES_LIMIT) {
        this.#faults.add({ text: `there are more than ${NOTES_LIMIT} checkpoints` });
        return;
      }
      try {
        const { size } = checkpointIn(note);
        this.notes.push(note);
        if (this.#witnesses.length === 0) continue;
        const atMs = this.#cosignedAtMs(note);
        if (atMs !== undefined) {
          this.#cosigned += 1;
          if (size >= (this.#latest?.size ?? 0)) this.#latest = { size, atMs };
        } else if (mustBeCosigned) {
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

  finish(): void {
    const [witness] = this.#witnesses;
    if (witness === undefined || this.#cosigned > 0) return;
    this.#faults.add({
      text: `there is no checkpoint that the witness ${witness.id} has counter-signed`,
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
    if (this.#latest === undefined) return undefined;
    const { size, atMs } = this.#latest;
    const last = `the last over ${counted(size, 'event')} at ${new Date(atMs).toISOString()}`;
    return {
      ok: true,
      text: `${counted(this.#cosigned, 'checkpoint')} counter-signed by the witness ${witness.id}, ${last}.`,
    };
  }
}
