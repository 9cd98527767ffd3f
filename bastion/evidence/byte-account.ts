import { createHash } from 'node:crypto';

/** `in`: from the operator to the host; `out`: from the host to the operator. */
export type Direction = 'in' | 'out';

/** What crossed a channel. SHA-256 in hexadecimal, over the bytes in order. */
export interface ByteAccountResult {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly sha256In: string;
  readonly sha256Out: string;
}

/** Counts and hashes the bytes of a channel in both directions, keeping none. */
export class ByteAccount {
  readonly #in = new DirectionAccount();
  readonly #out = new DirectionAccount();

  /** Takes in what is passed on in one direction, in order. */
  add(direction: Direction, chunk: Uint8Array): void {
    (direction === 'in' ? this.#in : this.#out).add(chunk);
  }

  /** The account so far; more can follow. */
  result(): ByteAccountResult {
    return {
      bytesIn: this.#in.bytes,
      bytesOut: this.#out.bytes,
      sha256In: this.#in.sha256(),
      sha256Out: this.#out.sha256(),
    };
  }
}

class DirectionAccount {
  readonly #hash = createHash('sha256');
  bytes = 0;

  add(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
  }

  sha256(): string {
    return this.#hash.copy().digest('hex');
  }
}
