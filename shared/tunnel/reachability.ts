import type { Clock, Timer } from '../clock.ts';

/** Longest time between two probes; each wait is between half of it and all of it, so that many diallers fall apart. */
export const PROBE_PERIOD_MS = 500;

/** A probe that got no answer for so long is given up. On the way since: no more than {@link MAX_PROBES}. */
export const PROBE_TIMEOUT_MS = 1_000;

/** Probes on their way at once. Names that nobody resolves take longer than the time-out, and can't be stopped. */
export const MAX_PROBES = 3;

/** What a {@link Reachability} needs. */
export interface ReachabilityOptions {
  /** Resolves when the peer's address takes a connection. */
  probe(signal: AbortSignal): Promise<void>;
  /** The first probe of an outage has failed. */
  onOutage(error: unknown): void;
  readonly clock: Clock;
  readonly random?: () => number;
}

/** How a wait ended. */
export interface Reached {
  /** True when at least one probe had failed before. */
  readonly afterOutage: boolean;
}

interface Waiter {
  readonly onlyAfterOutage: boolean;
  reached(reached: Reached): void;
}

/** Probes from the time when somebody begins to wait until nobody does. */
interface Round {
  readonly abort: AbortController;
  outage: boolean;
}

/**
 * Waits until the peer's address can be reached, by connecting to it about every 0.4 s and hanging up. A probe costs
 * few packets and no cryptography, so it can be repeated at a pace at which whole dials would be a flood. All who wait
 * share the probes.
 */
export class Reachability {
  readonly #options: ReachabilityOptions;
  readonly #random: () => number;
  readonly #waiters = new Set<Waiter>();
  #round: Round | undefined;
  #onTheirWay = 0;
  #next: Timer | undefined;

  constructor(options: ReachabilityOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
  }

  /**
   * Resolves when the address was reached, the first try being now; never, once `signal` is aborted.
   * @param options.onlyAfterOutage waits for an outage, and for its end
   */
  wait(signal: AbortSignal, options: { readonly onlyAfterOutage?: boolean } = {}): Promise<Reached> {
    return new Promise((resolve) => {
      if (signal.aborted) return;
      const leave = () => {
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.#endRound();
      };
      const waiter: Waiter = {
        onlyAfterOutage: options.onlyAfterOutage ?? false,
        reached: (reached) => {
          signal.removeEventListener('abort', leave);
          leave();
          resolve(reached);
        },
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiters.add(waiter);
      if (this.#round === undefined) this.#startRound();
    });
  }

  #startRound(): void {
    this.#round = { abort: new AbortController(), outage: false };
    this.#probe(this.#round);
  }

  #endRound(): void {
    this.#next?.cancel();
    this.#round?.abort.abort();
    this.#round = undefined;
  }

  #probe(round: Round): void {
    const { clock } = this.#options;
    const delayMs = (PROBE_PERIOD_MS / 2) * (1 + this.#random());
    this.#next = clock.after(delayMs, () => this.#probe(round));
    if (this.#onTheirWay >= MAX_PROBES) return;
    this.#onTheirWay += 1;
    const abort = new AbortController();
    const giveUp = () => abort.abort();
    const timer = clock.after(PROBE_TIMEOUT_MS, giveUp);
    round.abort.signal.addEventListener('abort', giveUp, { once: true });
    this.#options
      .probe(abort.signal)
      .then(
        () => this.#onReached(round),
        (error: unknown) => this.#onFailed(round, error),
      )
      .finally(() => {
        this.#onTheirWay -= 1;
        timer.cancel();
        round.abort.signal.removeEventListener('abort', giveUp);
      });
  }

  #onReached(round: Round): void {
    if (this.#round !== round) return;
    for (const waiter of [...this.#waiters]) {
      if (round.outage || !waiter.onlyAfterOutage) waiter.reached({ afterOutage: round.outage });
    }
  }

  #onFailed(round: Round, error: unknown): void {
    if (this.#round !== round || round.outage) return;
    round.outage = true;
    this.#options.onOutage(error);
  }
}
