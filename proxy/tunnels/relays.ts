import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DrawbridgeError } from '../../shared/errors.ts';

/** Connections that one operator may have open through this proxy at once. */
export const RELAYS_PER_OPERATOR_LIMIT = 500;

/** The connections that are being relayed, by operator. Bytes pass through as they are; the proxy can read none. */
export class Relays {
  readonly #live = new Map<string, Set<Duplex>>();

  /** How many connections are relayed now. */
  get count(): number {
    return [...this.#live.values()].reduce((sum, own) => sum + own.size, 0);
  }

  /** @throws `operator.too_many_connections` when this operator may open no more. */
  requireRoom(username: string): void {
    if ((this.#live.get(username)?.size ?? 0) < RELAYS_PER_OPERATOR_LIMIT) return;
    throw new DrawbridgeError('operator.too_many_connections', 'You have too many connections open.', {
      hint: `Close some; ${RELAYS_PER_OPERATOR_LIMIT} at once is the limit.`,
    });
  }

  /** Counts the stream to the bastion as the operator's until it closes. */
  add(username: string, bastion: Duplex): void {
    if (bastion.destroyed) return;
    const own = this.#live.get(username) ?? new Set();
    this.#live.set(username, own);
    own.add(bastion);
    bastion.once('close', () => {
      own.delete(bastion);
      if (own.size === 0 && this.#live.get(username) === own) this.#live.delete(username);
    });
  }

  /** Ends all connections of an operator at once; says how many. */
  cut(username: string): number {
    const own = [...(this.#live.get(username) ?? [])];
    for (const stream of own) stream.destroy();
    return own.length;
  }
}

/**
 * Passes bytes both ways until both have ended. Each end is passed on by itself (half-close), a slow reader slows its
 * writer, and a fault of one side destroys both. Resolves in every case, with the fault if there was one.
 */
export async function joinStreams(left: Duplex, right: Duplex): Promise<{ readonly error?: unknown }> {
  try {
    await Promise.all([pipeline(left, right), pipeline(right, left)]);
    return {};
  } catch (error) {
    left.destroy();
    right.destroy();
    return { error };
  }
}
