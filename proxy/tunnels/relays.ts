import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DrawbridgeError } from '../../shared/errors.ts';

/** Connections that one operator may have open through this proxy at once. */
export const RELAYS_PER_OPERATOR_LIMIT = 500;

/** Whose a relayed connection is: everything by which a right can be taken back. */
export interface RelayOwner {
  readonly username: string;
  /** Of the login's or the registered key. */
  readonly fingerprint: string;
  readonly deviceId?: string;
}

/** How those at both ends of a connection hear that it is cut. */
export interface RelayEnds {
  /** Says a sentence to the client, on whatever way it has. */
  readonly tell?: (sentence: string) => void;
  /** Has the bastion end the connection, with the sentence as the reason. Never rejects, nor waits for long. */
  readonly withdraw?: (sentence: string) => Promise<void>;
}

/** Which connections to cut: those that agree in every given field. */
export type RelayChoice = Partial<RelayOwner>;

interface Relay {
  readonly owner: RelayOwner;
  readonly end: (sentence: string) => void;
}

/** The connections that are being relayed. Bytes pass through as they are; the proxy can read none. */
export class Relays {
  readonly #live = new Map<Duplex, Relay>();
  /** By operator: those that are relayed, and those that are being opened. */
  readonly #counts = new Map<string, number>();

  /** How many connections are relayed now. */
  get count(): number {
    return this.#live.size;
  }

  /**
   * Opens a connection, which counts as the operator's from now until `open` has settled; then {@link add} counts it.
   * @throws `operator.too_many_connections` when this operator may open no more, and what `open` throws
   */
  async opening<T>(username: string, open: () => Promise<T>): Promise<T> {
    if ((this.#counts.get(username) ?? 0) >= RELAYS_PER_OPERATOR_LIMIT) {
      throw new DrawbridgeError('operator.too_many_connections', 'You have too many connections open.', {
        hint: `Close some; ${RELAYS_PER_OPERATOR_LIMIT} at once is the limit.`,
      });
    }
    this.#count(username, 1);
    try {
      return await open();
    } finally {
      this.#count(username, -1);
    }
  }

  /** Counts the stream to the bastion as the owner's until it closes. */
  add(owner: RelayOwner, bastion: Duplex, { tell, withdraw }: RelayEnds = {}): void {
    if (bastion.destroyed) return;
    const { username } = owner;
    let isEnding = false;
    const end = (sentence: string): void => {
      if (isEnding) return;
      isEnding = true;
      const cut = (): void => {
        tell?.(sentence);
        bastion.destroy();
      };
      if (withdraw === undefined) cut();
      else void withdraw(sentence).then(cut);
    };
    this.#live.set(bastion, { owner, end });
    this.#count(username, 1);
    bastion.once('close', () => {
      if (this.#live.delete(bastion)) this.#count(username, -1);
    });
  }

  /** Ends the chosen connections, each as soon as its bastion has heard why; says how many. A choice without a field chooses none. */
  cut(choice: RelayChoice, sentence: string): number {
    const chosen = [...this.#live.values()].filter(({ owner }) => isChosen(owner, choice));
    for (const { end } of chosen) end(sentence);
    return chosen.length;
  }

  #count(username: string, change: 1 | -1): void {
    const count = (this.#counts.get(username) ?? 0) + change;
    if (count > 0) this.#counts.set(username, count);
    else this.#counts.delete(username);
  }
}

function isChosen(owner: RelayOwner, choice: RelayChoice): boolean {
  const { username, fingerprint, deviceId } = choice;
  if (username === undefined && fingerprint === undefined && deviceId === undefined) return false;
  return (
    (username === undefined || username === owner.username) &&
    (fingerprint === undefined || fingerprint === owner.fingerprint) &&
    (deviceId === undefined || deviceId === owner.deviceId)
  );
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
