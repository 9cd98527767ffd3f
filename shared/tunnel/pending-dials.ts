import { networkOf } from '../network.ts';

/** Counts what is under way, in all and per address (or IPv6 network), up to its limits. */
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
    const network = networkOf(address);
    const ofAddress = this.#perAddress.get(network) ?? 0;
    if (this.#total >= this.#limit || ofAddress >= this.#limitPerAddress) return undefined;
    this.#total += 1;
    this.#perAddress.set(network, ofAddress + 1);
    return () => this.#leave(network);
  }

  #leave(network: string): void {
    this.#total -= 1;
    const left = (this.#perAddress.get(network) ?? 0) - 1;
    if (left > 0) this.#perAddress.set(network, left);
    else this.#perAddress.delete(network);
  }
}
