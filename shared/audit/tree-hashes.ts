import { Turns } from '../store/turns.ts';
import { damaged, type EventRow } from './audit-file.ts';
import { consistencyProof, inclusionProof, largestPowerBelow } from './consistency.ts';
import { leafHash, MerkleFrontier, nodeHash } from './merkle.ts';

/** Leaves under one remembered node. A proof reads the lines of two such tiles at most. */
const TILE_LEAVES = 256;

/**
 * Hashes inside the tree of a log, for proofs. It remembers one hash for each {@link TILE_LEAVES} events (125 KiB for a
 * million), which it reads from the log when they are first asked for.
 */
export class TreeHashes {
  readonly #rows: (end: number, start: number) => AsyncIterable<EventRow>;
  readonly #tiles: Buffer[] = [];
  readonly #turns = new Turns();

  /** @param rows The rows behind `start`, up to and with `end`, in order. */
  constructor(rows: (end: number, start: number) => AsyncIterable<EventRow>) {
    this.#rows = rows;
  }

  /** @throws RangeError, `audit.damaged`, `store.*` */
  consistencyProof(from: number, to: number): Promise<readonly Buffer[]> {
    return this.#turns.take(async () => {
      await this.#fillTiles(Math.floor(to / TILE_LEAVES));
      return consistencyProof(from, to, (start, end) => this.#hashOf(start, end));
    });
  }

  /** @throws RangeError, `audit.damaged`, `store.*` */
  inclusionProof(index: number, size: number): Promise<readonly Buffer[]> {
    return this.#turns.take(async () => {
      await this.#fillTiles(Math.floor(size / TILE_LEAVES));
      return inclusionProof(index, size, (start, end) => this.#hashOf(start, end));
    });
  }

  async #fillTiles(tiles: number): Promise<void> {
    const start = this.#tiles.length * TILE_LEAVES;
    let tile = new MerkleFrontier();
    for await (const row of this.#rows(tiles * TILE_LEAVES, start)) {
      if (row.seq !== this.#tiles.length * TILE_LEAVES + tile.size + 1) throw missing(row.seq);
      tile.append(leafHash(row.line));
      if (tile.size < TILE_LEAVES) continue;
      this.#tiles.push(tile.root());
      tile = new MerkleFrontier();
    }
    if (this.#tiles.length < tiles) throw missing(this.#tiles.length * TILE_LEAVES + tile.size + 1);
  }

  async #hashOf(start: number, end: number): Promise<Buffer> {
    const size = end - start;
    if (size === TILE_LEAVES) {
      const tile = this.#tiles[start / TILE_LEAVES];
      if (tile !== undefined) return tile;
    }
    if (size > TILE_LEAVES) {
      const middle = start + largestPowerBelow(size);
      return nodeHash(await this.#hashOf(start, middle), await this.#hashOf(middle, end));
    }
    const tree = new MerkleFrontier();
    for await (const { line } of this.#rows(end, start)) tree.append(leafHash(line));
    if (tree.size !== size) throw missing(start + tree.size + 1);
    return tree.root();
  }
}

function missing(seq: number) {
  return damaged(`event ${seq} is missing`);
}
