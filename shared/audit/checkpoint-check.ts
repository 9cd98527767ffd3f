import { messageOf } from '../errors.ts';
import { thumbprintOf } from '../identity/keys.ts';
import { type Checkpoint, checkpointIn } from './checkpoint-note.ts';
import type { AuditEvent } from './event.ts';
import { counted, type FaultList } from './fault-list.ts';
import { leafHash, MerkleFrontier } from './merkle.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Compares the tree over the events with the signed heads: those in the log, and those kept elsewhere. */
export class CheckpointCheck {
  readonly #keys: SigningKeys;
  readonly #faults: FaultList;
  readonly #tree: MerkleFrontier;
  readonly #start: number;
  /** Heads kept elsewhere that are not reached yet, by size. */
  readonly #elsewhere = new Map<number, Set<string>>();
  #latestElsewhere = -1;
  /** Notes kept elsewhere that no key fits yet: a later key may stand in the log, before what it has signed. */
  #unopened: readonly (readonly [index: number, note: string])[];
  #fitting = 0;
  #coveredEvents = 0;
  #faulty = false;

  /** @param start The tree over the events before the first one, when the log does not begin at its beginning. */
  constructor(
    keys: SigningKeys,
    notes: readonly string[],
    faults: FaultList,
    start: MerkleFrontier = new MerkleFrontier(),
  ) {
    this.#keys = keys;
    this.#faults = faults;
    this.#tree = start;
    this.#start = start.size;
    this.#coveredEvents = start.size;
    this.#unopened = [...notes.entries()];
    this.#openKept();
    this.#compareElsewhere(true);
  }

  /** Number of checkpoints that fit the events. */
  get fitting(): number {
    return this.#fitting;
  }

  /** Number of the last event that a checkpoint that fits covers. */
  get coveredEvents(): number {
    return this.#coveredEvents;
  }

  /** Events behind the last checkpoint that fits: only the chain binds them. */
  get uncovered(): number {
    return this.#tree.size - this.#coveredEvents;
  }

  async take(event: AuditEvent, line: string, chainIsWhole: boolean): Promise<void> {
    if (event.type === 'checkpoint.signed') this.#checkInLog(event, chainIsWhole);
    if (event.type === 'key.rotated') {
      const problem = await this.#keys.take(event);
      if (problem !== undefined)
        this.#report({ seq: event.seq, text: `the new key in event ${event.seq}: ${problem}` });
      this.#openKept();
    }
    this.#tree.append(leafHash(line));
    this.#compareElsewhere(chainIsWhole);
  }

  /**
   * A checkpoint is given out only when it stands in the log itself, right behind the events that it covers: so the
   * log must reach beyond each one that was kept elsewhere.
   * @param mayEndBefore True for a part of a log that says that it goes on.
   */
  finish(chainIsWhole: boolean, mayEndBefore = false): void {
    const { size } = this.#tree;
    for (const [index, note] of this.#unopened) {
      try {
        // The key that signed it may be named in what is not here.
        if (mayEndBefore && checkpointIn(note).size > size) continue;
        this.#keys.openKept(note);
      } catch (error) {
        const what = `checkpoint ${index + 1} of those that were kept elsewhere`;
        this.#report({ text: `${what}: ${messageOf(error)}` });
      }
    }
    if (this.#latestElsewhere < size || !chainIsWhole || mayEndBefore) return;
    const speaksOf = `a signed checkpoint speaks of ${this.#latestElsewhere} events and of itself behind them`;
    this.#report({
      seq: size + 1,
      text: `the log ends after event ${size}, and ${speaksOf}: the end was cut off`,
    });
  }

  /** @param endIsSigned What stands behind the last checkpoint is under another signature. */
  summary(endIsSigned = false): { ok: true; text: string } | undefined {
    if (this.#faulty) return undefined;
    if (this.#fitting === 0) {
      return {
        ok: true,
        text: 'There is no checkpoint: a log that was cut or rewritten as a whole would not show.',
      };
    }
    const after = this.uncovered;
    const text = `${counted(this.#fitting, 'checkpoint')} signed with the key ${thumbprintOf(this.#keys.current)} fit the events.`;
    if (after <= 1) return { ok: true, text };
    const last = `The last ${counted(after, 'event')} are`;
    return {
      ok: true,
      text: endIsSigned
        ? `${text} ${last} under no checkpoint yet, and under the signature over the log's end.`
        : `${text} ${last} not signed yet: the next checkpoint covers them. Until then, a change of them need not show.`,
    };
  }

  #checkInLog(event: AuditEvent, chainIsWhole: boolean): void {
    const note = typeof event['note'] === 'string' ? event['note'] : '';
    const checkpoint = this.#open(note, event.seq);
    if (checkpoint === undefined || !chainIsWhole) return;
    if (checkpoint.size === this.#tree.size) this.#compare(checkpoint.size, checkpoint.root);
    else {
      const text = `the checkpoint in event ${event.seq} is about ${checkpoint.size} events and stands after ${this.#tree.size}`;
      this.#report({ seq: event.seq, text });
    }
  }

  #compareElsewhere(chainIsWhole: boolean): void {
    const { size } = this.#tree;
    const roots = this.#elsewhere.get(size);
    if (roots === undefined) return;
    this.#elsewhere.delete(size);
    if (chainIsWhole) for (const root of roots) this.#compare(size, root);
  }

  #compare(size: number, root: string): void {
    if (root === this.#tree.root().toString('base64')) {
      this.#fitting += 1;
      this.#coveredEvents = size;
      return;
    }
    const first = this.#coveredEvents + 1;
    this.#report({
      seq: first,
      text: `events ${first} to ${size} are not those that were there when the checkpoint over them was signed`,
    });
  }

  #openKept(): void {
    this.#unopened = this.#unopened.filter(([, note]) => {
      let checkpoint: Checkpoint;
      try {
        checkpoint = this.#keys.openKept(note);
      } catch {
        // What is left at the end is reported then, with the reason.
        return true;
      }
      // What lies before the first event can't be compared with anything.
      if (checkpoint.size < this.#start) return false;
      this.#latestElsewhere = Math.max(this.#latestElsewhere, checkpoint.size);
      const roots = this.#elsewhere.get(checkpoint.size) ?? new Set();
      this.#elsewhere.set(checkpoint.size, roots.add(checkpoint.root));
      return false;
    });
  }

  #open(note: string, seq: number): Checkpoint | undefined {
    try {
      return this.#keys.open(note);
    } catch (error) {
      this.#report({ seq, text: `the checkpoint in event ${seq}: ${messageOf(error)}` });
      return undefined;
    }
  }

  #report(fault: { seq?: number; text: string }): void {
    this.#faulty = true;
    this.#faults.add(fault);
  }
}
