import { messageOf } from '../errors.ts';
import type { PublicJwk } from '../identity/keys.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint-note.ts';
import type { AuditEvent } from './event.ts';
import { counted, type FaultList } from './fault-list.ts';
import { leafHash, MerkleFrontier } from './merkle.ts';

/** Compares the tree over the events with the signed heads: those in the log, and those kept elsewhere. */
export class CheckpointCheck {
  readonly #publicJwk: PublicJwk;
  readonly #faults: FaultList;
  readonly #tree = new MerkleFrontier();
  /** Heads kept elsewhere that are not reached yet, by size. */
  readonly #elsewhere = new Map<number, Set<string>>();
  #latestElsewhere = -1;
  #fitting = 0;
  #coveredEvents = 0;
  #faulty = false;

  constructor(publicJwk: PublicJwk, notes: readonly string[], faults: FaultList) {
    this.#publicJwk = publicJwk;
    this.#faults = faults;
    for (const [index, note] of notes.entries()) {
      const checkpoint = this.#open(
        note,
        `checkpoint ${index + 1} of those that were kept elsewhere`,
        undefined,
      );
      if (checkpoint === undefined) continue;
      this.#latestElsewhere = Math.max(this.#latestElsewhere, checkpoint.size);
      const roots = this.#elsewhere.get(checkpoint.size) ?? new Set();
      this.#elsewhere.set(checkpoint.size, roots.add(checkpoint.root));
    }
    this.#compareElsewhere(true);
  }

  /** Number of checkpoints that fit the events. */
  get fitting(): number {
    return this.#fitting;
  }

  take(event: AuditEvent, line: string, chainIsWhole: boolean): void {
    if (event.type === 'checkpoint.signed') this.#checkInLog(event, chainIsWhole);
    this.#tree.append(leafHash(line));
    this.#compareElsewhere(chainIsWhole);
  }

  /**
   * A checkpoint is given out only when it stands in the log itself, right behind the events that it covers: so the
   * log must reach beyond each one that was kept elsewhere.
   */
  finish(chainIsWhole: boolean): void {
    const { size } = this.#tree;
    if (this.#latestElsewhere < size || !chainIsWhole) return;
    const speaksOf = `a signed checkpoint speaks of ${this.#latestElsewhere} events and of itself behind them`;
    this.#report({
      seq: size + 1,
      text: `the log ends after event ${size}, and ${speaksOf}: the end was cut off`,
    });
  }

  summary(thumbprint: string): { ok: true; text: string } | undefined {
    if (this.#faulty) return undefined;
    if (this.#fitting === 0) {
      return {
        ok: true,
        text: 'There is no checkpoint: a log that was cut or rewritten as a whole would not show.',
      };
    }
    const after = this.#tree.size - this.#coveredEvents;
    const text = `${counted(this.#fitting, 'checkpoint')} signed with the key ${thumbprint} fit the events.`;
    return {
      ok: true,
      text: after <= 1 ? text : `${text} ${counted(after, 'event')} came after the last one.`,
    };
  }

  #checkInLog(event: AuditEvent, chainIsWhole: boolean): void {
    const note = typeof event['note'] === 'string' ? event['note'] : '';
    const checkpoint = this.#open(note, `the checkpoint in event ${event.seq}`, event.seq);
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

  #open(note: string, what: string, seq: number | undefined): Checkpoint | undefined {
    try {
      return openCheckpoint(note, this.#publicJwk);
    } catch (error) {
      this.#report({ ...(seq === undefined ? {} : { seq }), text: `${what}: ${messageOf(error)}` });
      return undefined;
    }
  }

  #report(fault: { seq?: number; text: string }): void {
    this.#faulty = true;
    this.#faults.add(fault);
  }
}
