import type { Clock } from '../../shared/clock.ts';
import { networkOf } from '../../shared/network.ts';
import { AttemptLimiter, type AttemptLimits, type AttemptVerdict } from './attempt-limiter.ts';

/** Sign-ins that may fail from one address: thirty at once, then six a minute. */
const ADDRESS_LIMITS: AttemptLimits = { burst: 30, refillMs: 10_000, keyLimit: 10_000 };
/** For one account from one address: ten at once, then two a minute. */
const PAIR_LIMITS: AttemptLimits = { burst: 10, refillMs: 30_000, keyLimit: 10_000 };
/** For one account from all addresses from which it has not lately signed in: thirty at once, then two a minute. */
const STRANGERS_LIMITS: AttemptLimits = { burst: 30, refillMs: 30_000, keyLimit: 10_000 };

/** How long an address counts as known to an account after a sign-in. */
const KNOWN_MS = 30 * 24 * 3_600_000;
/** Pairs of account and address that are remembered as known; beyond it, the oldest is forgotten. */
const KNOWN_LIMIT = 10_000;

/**
 * Limits failed sign-ins per account and per address. Strangers can use up what strangers have: never what an
 * administrator has from an address that they lately signed in from.
 */
export class SignInLimit {
  readonly #clock: Clock;
  readonly #addresses: AttemptLimiter;
  readonly #pairs: AttemptLimiter;
  readonly #strangers: AttemptLimiter;
  /** When each pair stops to be known, in monotonic milliseconds. */
  readonly #known = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#addresses = new AttemptLimiter(ADDRESS_LIMITS, clock);
    this.#pairs = new AttemptLimiter(PAIR_LIMITS, clock);
    this.#strangers = new AttemptLimiter(STRANGERS_LIMITS, clock);
  }

  /** Takes one attempt, before anything is checked. What one limit has refused is not charged to the next. */
  take(username: string, address: string): AttemptVerdict {
    const network = networkOf(address);
    const ofAddress = this.#addresses.take(network);
    if (!ofAddress.allowed) return ofAddress;
    const pair = pairOf(username, network);
    const ofPair = this.#pairs.take(pair);
    if (!ofPair.allowed || this.#isKnown(pair)) return ofPair;
    return this.#strangers.take(username);
  }

  /** The attempt that {@link take} allowed was good. */
  succeeded(username: string, address: string): void {
    const network = networkOf(address);
    const pair = pairOf(username, network);
    this.#addresses.giveBack(network);
    this.#pairs.giveBack(pair);
    if (!this.#isKnown(pair)) this.#strangers.giveBack(username);
    this.#known.delete(pair);
    this.#known.set(pair, this.#clock.monotonicMs() + KNOWN_MS);
    const oldest = this.#known.keys().next();
    if (this.#known.size > KNOWN_LIMIT && oldest.done !== true) this.#known.delete(oldest.value);
  }

  #isKnown(pair: string): boolean {
    return (this.#known.get(pair) ?? 0) > this.#clock.monotonicMs();
  }
}

function pairOf(username: string, network: string): string {
  return `${username} ${network}`;
}
