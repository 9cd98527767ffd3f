import { nodeHash } from './merkle.ts';

/** No tree that fits a safe integer needs more hashes in a consistency proof. */
export const PROOF_LIMIT_HASHES = 64;

/** Root hash over the leaves from `start` (counted from 0) up to and without `end`. */
export type SubtreeHash = (start: number, end: number) => Promise<Buffer>;

/**
 * Proof that a tree of `from` leaves is the beginning of one with `to` leaves (RFC 9162, 2.1.4.1). Empty when `from` is
 * 0 or equals `to`: then there is nothing to prove, or only that the roots are the same.
 * @throws RangeError unless 0 ≤ `from` ≤ `to`
 */
export async function consistencyProof(
  from: number,
  to: number,
  hashOf: SubtreeHash,
): Promise<readonly Buffer[]> {
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to) {
    throw new RangeError(`there is no proof from ${from} to ${to} leaves`);
  }
  return from === 0 || from === to ? [] : proofWithin(from, 0, to, true, hashOf);
}

/**
 * Proof that the leaf with this index (from 0) is in a tree of `size` leaves (RFC 9162, 2.1.3.1).
 * @throws RangeError unless 0 ≤ `index` < `size`
 */
export async function inclusionProof(
  index: number,
  size: number,
  hashOf: SubtreeHash,
): Promise<readonly Buffer[]> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) {
    throw new RangeError(`there is no leaf ${index} in a tree of ${size} leaves`);
  }
  const proof: Buffer[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start);
    if (index < middle) {
      proof.unshift(await hashOf(middle, end));
      end = middle;
    } else {
      proof.unshift(await hashOf(start, middle));
      start = middle;
    }
  }
  return proof;
}

async function proofWithin(
  from: number,
  start: number,
  end: number,
  isWholeOld: boolean,
  hashOf: SubtreeHash,
): Promise<Buffer[]> {
  const size = end - start;
  if (from === size) return isWholeOld ? [] : [await hashOf(start, end)];
  const middle = start + largestPowerBelow(size);
  if (from <= middle - start) {
    const proof = await proofWithin(from, start, middle, isWholeOld, hashOf);
    return [...proof, await hashOf(middle, end)];
  }
  const proof = await proofWithin(from - (middle - start), middle, end, false, hashOf);
  return [...proof, await hashOf(start, middle)];
}

/** The largest power of two that is smaller than `size`, which is 2 or more. */
export function largestPowerBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

/** A tree as its head describes it. */
export interface TreeHead {
  readonly size: number;
  readonly root: Buffer;
}

/** True when `proof` shows that `before` is the beginning of `after` (RFC 9162, 2.1.4.2). Takes any input. */
export function isConsistent(before: TreeHead, after: TreeHead, proof: readonly Buffer[]): boolean {
  if (before.size > after.size || proof.length > PROOF_LIMIT_HASHES) return false;
  if (before.size === after.size) return proof.length === 0 && before.root.equals(after.root);
  if (before.size === 0) return proof.length === 0;
  if (proof.length === 0) return false;
  const [first, ...rest] = isPowerOfTwo(before.size) ? [before.root, ...proof] : proof;
  return first !== undefined && leadsTo(before, after, first, rest);
}

/** Walks from the old tree's last complete subtree to both roots. */
function leadsTo(before: TreeHead, after: TreeHead, first: Buffer, rest: readonly Buffer[]): boolean {
  let oldNode = before.size - 1;
  let newNode = after.size - 1;
  while (isOdd(oldNode)) [oldNode, newNode] = [half(oldNode), half(newNode)];
  let oldRoot = first;
  let newRoot = first;
  for (const hash of rest) {
    if (newNode === 0) return false;
    if (isOdd(oldNode) || oldNode === newNode) {
      oldRoot = nodeHash(hash, oldRoot);
      newRoot = nodeHash(hash, newRoot);
      while (!isOdd(oldNode) && oldNode !== 0) [oldNode, newNode] = [half(oldNode), half(newNode)];
    } else newRoot = nodeHash(newRoot, hash);
    [oldNode, newNode] = [half(oldNode), half(newNode)];
  }
  return newNode === 0 && oldRoot.equals(before.root) && newRoot.equals(after.root);
}

// Sizes go beyond 32 bits, where JavaScript's bit operators end.
function half(value: number): number {
  return Math.floor(value / 2);
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function isPowerOfTwo(value: number): boolean {
  return value > 0 && Number.isInteger(Math.log2(value));
}
