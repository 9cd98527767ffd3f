import { fault } from './kept-file.ts';

/** A list with more separate ranges than this is not read: it would take tens of megabytes. */
export const SERIAL_RANGES_LIMIT = 1_000_000;

/** Serial numbers of certificates, as ranges with both ends in them. */
export class SerialRanges {
  #added: { readonly from: bigint; readonly to: bigint }[] = [];
  /** Sorted and apart from each other; of each range, its first and its last number. */
  #from = new BigUint64Array();
  #to = new BigUint64Array();

  /** @throws `certificates.fault` */
  add(from: bigint, to: bigint): void {
    if (from > to) throw fault('it has a range of serial numbers that ends before it begins');
    const count = this.#added.length + this.#from.length;
    if (count >= SERIAL_RANGES_LIMIT) throw fault(`it names more than ${SERIAL_RANGES_LIMIT} serial numbers`);
    this.#added.push({ from, to });
  }

  has(serial: bigint): boolean {
    if (this.#added.length > 0) this.#sort();
    let [low, high] = [0, this.#from.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (serial < (this.#from[middle] ?? 0n)) high = middle - 1;
      else if (serial > (this.#to[middle] ?? 0n)) low = middle + 1;
      else return true;
    }
    return false;
  }

  #sort(): void {
    const all = this.#added;
    for (const [index, from] of this.#from.entries()) all.push({ from, to: this.#to[index] ?? from });
    all.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
    const merged: { from: bigint; to: bigint }[] = [];
    for (const { from, to } of all) {
      const last = merged.at(-1);
      if (last === undefined || from > last.to + 1n) merged.push({ from, to });
      else if (to > last.to) last.to = to;
    }
    this.#added = [];
    this.#from = BigUint64Array.from(merged, ({ from }) => from);
    this.#to = BigUint64Array.from(merged, ({ to }) => to);
  }
}
