/** Counts what is under way, in all and per address, up to its limits. */
export class PendingDials {
  readonly #limit: number;
  readonly #limitPerAddress: number;
  readonly #perAddress = new Map<string, number>();
  #total = 0;

  constructor(options: { readonly limit: number; readonly limitPerAddress: number }) {
    this.#limit = options.limit;
    this.#limitPerAddress = options.limitPerAddress;
  }

  /** One more from `address`. Gives back how to leave, to be called once; undefined when there are too many. */
  enter(address: string): (() => void) | undefined {
    const ofAddress = this.#perAddress.get(address) ?? 0;
    if (this.#total >= this.#limit || ofAddress >= this.#limitPerAddress) return undefined;
    this.#total += 1;
    this.#perAddress.set(address, ofAddress + 1);
    return () => this.#leave(address);
  }

  #leave(address: string): void {
    this.#total -= 1;
    const left = (this.#perAddress.get(address) ?? 0) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }
}
