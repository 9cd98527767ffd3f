import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leafHash, MerkleFrontier } from '../../../shared/audit/merkle.ts';

/** The definition of RFC 6962, section 2.1, word for word and slow. */
function treeHash(lines: readonly string[]): Buffer {
  const sha256 = (...parts: (string | Buffer)[]) =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
  const [first] = lines;
  if (first === undefined) return sha256();
  if (lines.length === 1) return sha256(Buffer.of(0), first);
  let k = 1;
  while (k * 2 < lines.length) k *= 2;
  return sha256(Buffer.of(1), treeHash(lines.slice(0, k)), treeHash(lines.slice(k)));
}

function frontierOf(lines: readonly string[]): MerkleFrontier {
  const frontier = new MerkleFrontier();
  for (const line of lines) frontier.append(leafHash(line));
  return frontier;
}

describe('the Merkle tree over the log', () => {
  it('has the root that RFC 6962 defines, for every size', () => {
    const lines = Array.from({ length: 130 }, (_, index) => `line ${index}`);
    for (let size = 0; size <= lines.length; size += 1) {
      expect(frontierOf(lines.slice(0, size)).root()).toEqual(treeHash(lines.slice(0, size)));
    }
  });

  it('has the roots that other implementations give for well-known leaves', () => {
    // The reference leaves and roots of the Certificate Transparency project.
    const leaves = [
      '',
      '00',
      '10',
      '2021',
      '3031',
      '40414243',
      '5051525354555657',
      '606162636465666768696a6b6c6d6e6f',
    ];
    const frontier = new MerkleFrontier();
    expect(frontier.root().toString('hex')).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    );
    for (const hex of leaves) frontier.append(leafHash(Buffer.from(hex, 'hex').toString('latin1')));
    expect(frontier.root().toString('hex')).toBe(
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    );
  });

  it('changes with every line, and with their order and number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string(), { minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.string(),
        (lines, pick, other) => {
          const at = pick % lines.length;
          const root = frontierOf(lines).root();
          const changed = lines.map((line, index) => (index === at ? other : line));
          expect(frontierOf(changed).root().equals(root)).toBe(lines[at] === other);
          expect(
            frontierOf([...lines, other])
              .root()
              .equals(root),
          ).toBe(false);
          expect(frontierOf(lines.slice(0, -1)).root().equals(root)).toBe(false);
        },
      ),
    );
  });

  it('is not changed by what is added to a copy', () => {
    const frontier = frontierOf(['a', 'b', 'c']);
    const before = frontier.root();
    const copy = frontier.clone();
    copy.append(leafHash('d'));
    expect(frontier.root()).toEqual(before);
    expect(copy.root()).toEqual(treeHash(['a', 'b', 'c', 'd']));
    expect([frontier.size, copy.size]).toEqual([3, 4]);
  });
});
