import type { Clock } from '../clock.ts';

/**
 * Two processes with one key that are both alive for so long are two, and not one that was restarted: the tunnel of a
 * process that is gone has fallen silent by then, and was ended for that.
 */
export const OVERLAP_MS = 30_000;

/** A peer that goes on to be two is told of again after so long: once for all times would hide the next copy. */
export const TOLD_AGAIN_MS = 60 * 60 * 1000;

/** Processes of one peer that are remembered. Further ones push out those without tunnels. */
export const MAX_INSTANCES_PER_PEER = 16;

/** Why a key is believed to be in use twice. */
export interface Duplicate {
  readonly peerId: string;
  /** `overlap`: two processes hold tunnels at once. `alternation`: one that had been replaced dialled again. */
  readonly sign: 'overlap' | 'alternation';
  /** Where the processes dialled from, the later one last. */
  readonly addresses: readonly string[];
}

interface Instance {
  readonly name: string;
  address: string;
  tunnels: number;
}

/**
 * Notices a key that is used from two places. Each process of a dialler makes up a name for itself (its instance) and
 * signs it into its dials, so two copies of one key differ in it, whatever their addresses are. A restart brings a new
 * instance once and never the old one again.
 */
export class DuplicateWatch {
  readonly #clock: Clock;
  readonly #onDuplicate: (duplicate: Duplicate) => void;
  /** By peer, in the order in which they dialled last. */
  readonly #instances = new Map<string, Instance[]>();
  /** When each peer was told of last. */
  readonly #told = new Map<string, number>();

  constructor(options: { readonly clock: Clock; onDuplicate(duplicate: Duplicate): void }) {
    this.#clock = options.clock;
    this.#onDuplicate = options.onDuplicate;
  }

  /** A tunnel of this process of the peer is up, until `ended` is aborted. */
  connected(peerId: string, instance: string, address: string, ended: AbortSignal): void {
    const known = this.#instances.get(peerId) ?? [];
    this.#instances.set(peerId, known);
    const at = known.findIndex((entry) => entry.name === instance);
    const wasReplaced = at >= 0 && at < known.length - 1;
    const entry = at < 0 ? { name: instance, address, tunnels: 0 } : known.splice(at, 1)[0];
    if (entry === undefined) return;
    entry.address = address;
    entry.tunnels += 1;
    known.push(entry);
    this.#forgetSome(known);
    ended.addEventListener(
      'abort',
      () => {
        entry.tunnels -= 1;
      },
      { once: true },
    );
    if (wasReplaced) this.#tell(peerId, 'alternation', known.slice(-2));
    for (const other of known) if (other !== entry && other.tunnels > 0) this.#look(peerId, other, entry);
  }

  /** The peer is gone for good. */
  forget(peerId: string): void {
    this.#instances.delete(peerId);
    this.#told.delete(peerId);
  }

  #look(peerId: string, older: Instance, newer: Instance): void {
    this.#clock.after(OVERLAP_MS, () => {
      if (older.tunnels > 0 && newer.tunnels > 0) this.#tell(peerId, 'overlap', [older, newer]);
    });
  }

  /** Not for each dial: that would bury the log. */
  #tell(peerId: string, sign: Duplicate['sign'], between: readonly Instance[]): void {
    const nowMs = this.#clock.monotonicMs();
    const toldAtMs = this.#told.get(peerId);
    if (toldAtMs !== undefined && nowMs - toldAtMs < TOLD_AGAIN_MS) return;
    this.#told.set(peerId, nowMs);
    this.#onDuplicate({ peerId, sign, addresses: between.map((instance) => instance.address) });
  }

  #forgetSome(known: Instance[]): void {
    while (known.length > MAX_INSTANCES_PER_PEER) {
      const idle = known.findIndex((entry) => entry.tunnels === 0);
      known.splice(Math.max(idle, 0), 1);
    }
  }
}
