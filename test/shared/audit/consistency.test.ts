import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consistencyProof, isConsistent } from '../../../shared/audit/consistency.ts';
import { leafHash, MerkleFrontier } from '../../../shared/audit/merkle.ts';

const LEAVES = Array.from({ length: 300 }, (_, n) => leafHash(`line ${n}`));

async function rootOf(start: number, end: number): Promise<Buffer> {
  const tree = new MerkleFrontier();
  for (const leaf of LEAVES.slice(start, end)) tree.append(leaf);
  return tree.root();
}

async function headOf(size: number) {
  return { size, root: await rootOf(0, size) };
}

const pairs = fc
  .tuple(fc.nat(LEAVES.length), fc.nat(LEAVES.length))
  .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

describe('consistency of two tree heads', () => {
  it('is proved for every pair of sizes', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, async ([from, to]) => {
        const proof = await consistencyProof(from, to, rootOf);
        expect(isConsistent(await headOf(from), await headOf(to), proof)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('is not proved for another root, another size, or a proof with a hash changed, added or taken away', async () => {
    await fc.assert(
      fc.asyncProperty(pairs, fc.nat(), async ([from, to], pick) => {
        fc.pre(from > 0 && from < to);
        const proof = [...(await consistencyProof(from, to, rootOf))];
        const [before, after] = [await headOf(from), await headOf(to)];
        const other = leafHash('other');
        const at = pick % proof.length;
        expect(isConsistent({ ...before, root: other }, after, proof)).toBe(false);
        expect(isConsistent(before, { ...after, root: other }, proof)).toBe(false);
        expect(
          isConsistent(
            before,
            after,
            proof.map((hash, n) => (n === at ? other : hash)),
          ),
        ).toBe(false);
        expect(
          isConsistent(
            before,
            after,
            proof.filter((_, n) => n !== at),
          ),
        ).toBe(false);
        expect(isConsistent(before, after, [...proof, other])).toBe(false);
        expect(isConsistent(after, before, proof)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('has the form of RFC 9162, section 2.1.5: a tree of seven leaves and its beginnings', async () => {
    const proof = async (from: number) => consistencyProof(from, 7, rootOf);
    const [c, d, g, i, j, k, l] = await Promise.all([
      rootOf(2, 3),
      rootOf(3, 4),
      rootOf(0, 2),
      rootOf(4, 6),
      rootOf(6, 7),
      rootOf(0, 4),
      rootOf(4, 7),
    ]);
    expect(await proof(3)).toEqual([c, d, g, l]);
    expect(await proof(4)).toEqual([l]);
    expect(await proof(6)).toEqual([i, j, k]);
  });

  it('is refused for impossible sizes', async () => {
    await expect(consistencyProof(3, 2, rootOf)).rejects.toThrow(RangeError);
    await expect(consistencyProof(-1, 2, rootOf)).rejects.toThrow(RangeError);
  });
});

describe('a tree that goes on from its complete subtrees', () => {
  it('is the same tree, and is not made of too few or too many', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(99), (size, more) => {
        const tree = new MerkleFrontier();
        for (const leaf of LEAVES.slice(0, size)) tree.append(leaf);
        const { subtrees } = tree;
        const again = MerkleFrontier.of(size, subtrees);
        for (const leaf of LEAVES.slice(size, size + more)) {
          tree.append(leaf);
          again?.append(leaf);
        }
        expect(again?.root()).toEqual(tree.root());
        expect(again?.size).toBe(tree.size);
        expect(MerkleFrontier.of(size, [...subtrees, leafHash('')])).toBeUndefined();
        if (subtrees.length > 0) expect(MerkleFrontier.of(size, subtrees.slice(1))).toBeUndefined();
      }),
    );
  });
});
