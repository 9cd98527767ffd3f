import type { Clock } from '../../shared/clock.ts';
import { networkOf } from '../../shared/network.ts';
import { AttemptLimit, type AttemptRate } from './attempt-limit.ts';

/** From one address: people behind one office address share it. */
const ADDRESS_RATE: AttemptRate = { burst: 20, refillMs: 15_000 };
/** For one account from one address. */
const PAIR_RATE: AttemptRate = { burst: 5, refillMs: 30_000 };
/**
 * For one account from all addresses that it has not lately signed in from: at one guess a minute, a six-digit code
 * with two valid values stays unguessed for most of a year, and the password comes first.
 */
const STRANGERS_RATE: AttemptRate = { burst: 20, refillMs: 60_000 };

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

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#addresses = new AttemptLimit(ADDRESS_RATE, clock);
    this.#pairs = new AttemptLimit(PAIR_RATE, clock);
    this.#strangers = new AttemptLimit(STRANGERS_RATE, clock);
  }

  /**
   * Takes one attempt before anything is checked, so that attempts made at the same time count too. 0 when it may
   * go on, else the milliseconds to wait.
   */
  begin(username: string, address: string): number {
    const network = networkOf(address);
    const pair = pairOf(username, network);
    const known = this.#isKnown(pair);
    const waitMs = Math.max(
      this.#addresses.waitMs(network),
      this.#pairs.waitMs(pair),
      known ? 0 : this.#strangers.waitMs(username),
    );
    if (waitMs > 0) return waitMs;
    this.#addresses.take(network);
    this.#pairs.take(pair);
    if (!known) this.#strangers.take(username);
    return 0;
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
