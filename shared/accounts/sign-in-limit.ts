import type { Clock } from '../clock.ts';
import { networkOf } from '../network.ts';
import { AttemptLimit, type AttemptRate } from './attempt-limit.ts';

/** How many sign-ins may fail. */
export interface SignInRates {
  /** From one address: people behind one office address share it. */
  readonly address: AttemptRate;
  /** For one account from one address. */
  readonly pair: AttemptRate;
  /** For one account from all addresses that it has not lately signed in from. */
  readonly strangers: AttemptRate;
}

/** The answer to one attempt. */
export type AttemptVerdict =
  | { readonly allowed: true }
  | {
      readonly allowed: false;
      /** True for the first refusal of a row. */
      readonly first: boolean;
      readonly retryAfterMs: number;
    };

/** How long an address counts as known to an account after a sign-in. */
const KNOWN_MS = 30 * 24 * 3_600_000;
/** Pairs of account and address that are remembered as known. */
const KNOWN_LIMIT = 10_000;

/**
 * Limits failed sign-ins per account and per address. A stranger can use up what strangers have, never what the
 * owner has from an address that the account lately signed in from; and everything comes back by itself.
 */
export class SignInLimit {
  readonly #clock: Clock;
  readonly #addresses: AttemptLimit;
  readonly #pairs: AttemptLimit;
  readonly #strangers: AttemptLimit;
  readonly #known = new Map<string, number>();

  constructor(clock: Clock, rates: SignInRates) {
    this.#clock = clock;
    this.#addresses = new AttemptLimit(rates.address, clock);
    this.#pairs = new AttemptLimit(rates.pair, clock);
    this.#strangers = new AttemptLimit(rates.strangers, clock);
  }

  /**
   * Takes one attempt before anything is checked, so that attempts made at the same time count too. What one limit
   * refuses is charged to none.
   */
  begin(username: string, address: string): AttemptVerdict {
    const network = networkOf(address);
    const pair = pairOf(username, network);
    const limits = [
      { limit: this.#addresses, name: network },
      { limit: this.#pairs, name: pair },
      ...(this.#isKnown(pair) ? [] : [{ limit: this.#strangers, name: username }]),
    ];
    const refusing = limits.filter(({ limit, name }) => limit.waitMs(name) > 0);
    if (refusing.length === 0) {
      for (const { limit, name } of limits) limit.take(name);
      return { allowed: true };
    }
    const retryAfterMs = Math.max(...refusing.map(({ limit, name }) => limit.waitMs(name)));
    const first = refusing.map(({ limit, name }) => limit.noteRefusal(name)).some((isFirst) => isFirst);
    return { allowed: false, first, retryAfterMs };
  }

  /** The attempt that `begin` took was good. */
  succeeded(username: string, address: string): void {
    const network = networkOf(address);
    const pair = pairOf(username, network);
    this.#addresses.giveBack(network);
    this.#pairs.giveBack(pair);
    if (!this.#isKnown(pair)) this.#strangers.giveBack(username);
    this.#known.delete(pair);
    this.#known.set(pair, this.#clock.monotonicMs() + KNOWN_MS);
    const oldest = this.#known.keys().next();
    if (this.#known.size > KNOWN_LIMIT && !oldest.done) this.#known.delete(oldest.value);
  }

  #isKnown(pair: string): boolean {
    return (this.#known.get(pair) ?? 0) > this.#clock.monotonicMs();
  }
}

function pairOf(username: string, network: string): string {
  return `${username} ${network}`;
}
