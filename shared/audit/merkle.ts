import { hash } from 'node:crypto';

/**
 * The Merkle tree of RFC 6962, section 2.1, over the lines of the log. Leaves and nodes are hashed with different
 * first bytes, so that a node never passes for a leaf.
 */
const LEAF = '\0';
const NODE = Buffer.of(1);
const HASH_BYTES = 32;

/** Hash of one leaf. */
export function leafHash(line: string): Buffer {
  return hash('sha256', LEAF + line, 'buffer');
}

/** Hash of a node over two subtrees. */
export function nodeHash(left: Buffer, right: Buffer): Buffer {
  return hash('sha256', Buffer.concat([NODE, left, right]), 'buffer');
}

/**
 * A tree that only grows, by its right edge alone: the roots of the complete subtrees, largest first. It takes
 * 32 bytes per bit of the number of leaves.
 */
export class MerkleFrontier {
  #size = 0;
  readonly #subtrees: { readonly leaves: number; readonly root: Buffer }[] = [];

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  /** Adds a leaf by its {@link leafHash}. */
  append(leaf: Buffer): void {
    let subtree = { leaves: 1, root: leaf };
    let last = this.#subtrees.at(-1);
    while (last !== undefined && last.leaves === subtree.leaves) {
      this.#subtrees.pop();
      subtree = { leaves: last.leaves * 2, root: nodeHash(last.root, subtree.root) };
      last = this.#subtrees.at(-1);
    }
    this.#subtrees.push(subtree);
    this.#size += 1;
  }

  /** Root hash over all leaves; that of no leaf is the hash of nothing. */
  root(): Buffer {
    const last = this.#subtrees.at(-1);
    if (last === undefined) return hash('sha256', '', 'buffer');
    return this.#subtrees.slice(0, -1).reduceRight((right, { root }) => nodeHash(root, right), last.root);
  }

  /** Roots of the complete subtrees, largest first: with the number of leaves, all that is needed to go on from here. */
  get subtrees(): readonly Buffer[] {
    return this.#subtrees.map(({ root }) => root);
  }

  /**
   * The tree over `size` leaves whose complete subtrees have these roots, largest first; undefined when there can't
   * be that many.
   */
  static of(size: number, subtrees: readonly Buffer[]): MerkleFrontier | undefined {
    const tree = new MerkleFrontier();
    const roots = [...subtrees];
    let left = size;
    for (let leaves = 2 ** Math.floor(Math.log2(Math.max(size, 1))); leaves >= 1; leaves /= 2) {
      if (left < leaves) continue;
      const root = roots.shift();
      if (root === undefined || root.length !== HASH_BYTES) return undefined;
      tree.#subtrees.push({ leaves, root });
      left -= leaves;
    }
    tree.#size = size;
    return roots.length === 0 ? tree : undefined;
  }

  /** A copy that grows by itself. */
  clone(): MerkleFrontier {
    const copy = new MerkleFrontier();
    copy.#size = this.#size;
    copy.#subtrees.push(...this.#subtrees);
    return copy;
  }
}
