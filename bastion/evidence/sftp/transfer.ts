import { createHash, type Hash } from 'node:crypto';

/** What {@link Transfer} found. */
export interface TransferResult {
  readonly bytes: number;
  readonly sequential: boolean;
  readonly sha256?: string;
  readonly startOffset: number;
}

/** Follows the contents of an open file in one direction: counts all, hashes them as long as they come in order. */
export class Transfer {
  #hash: Hash | undefined = createHash('sha256');
  #bytes = 0;
  #startOffset: bigint | undefined;
  #nextOffset: bigint | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  /** A piece of `length` bytes at `offset` follows. */
  begin(offset: bigint, length: number): void {
    this.#startOffset ??= offset;
    if (this.#nextOffset !== undefined && this.#nextOffset !== offset) this.#hash = undefined;
    this.#nextOffset = offset + BigInt(length);
  }

  /** A piece follows that goes behind the last one, whatever its offset says. */
  beginAppended(offset: bigint): void {
    this.#startOffset ??= offset;
  }

  /** Part of the piece. */
  add(part: Buffer): void {
    this.#bytes += part.length;
    this.#hash?.update(part);
  }

  /** The contents are not what was hashed: something else wrote into the file, or the server refused a piece. */
  spoil(): void {
    this.#hash = undefined;
  }

  result(): TransferResult {
    const startOffset = Number(this.#startOffset ?? 0n);
    if (this.#hash === undefined) return { bytes: this.#bytes, sequential: false, startOffset };
    const sha256 = this.#hash.copy().digest('hex');
    return { bytes: this.#bytes, sequential: true, sha256, startOffset };
  }
}
