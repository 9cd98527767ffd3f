import { INITIAL_WINDOW_BYTES, MAX_STREAM_WINDOW_BYTES, MAX_TUNNEL_WINDOW_GROWTH_BYTES } from '../limits.ts';

/** What all streams of a tunnel may grow together; a stream gives back what it took when it ends. */
export class WindowBudget {
  #left = MAX_TUNNEL_WINDOW_GROWTH_BYTES;

  /** Takes up to `bytes`; gives back how many it got. */
  take(bytes: number): number {
    const granted = Math.min(bytes, this.#left);
    this.#left -= granted;
    return granted;
  }

  giveBack(bytes: number): void {
    this.#left += bytes;
  }
}

/** What a window needs to know about its tunnel. */
export interface WindowContext {
  readonly budget: WindowBudget;
  /** Smallest round trip time of the quiet tunnel, once one was measured. */
  readonly baseRttMs: number | undefined;
  nowMs(): number;
}

/**
 * Room that a window should have for the bandwidth-delay product that was measured: one for the bytes on their way,
 * one for the credit on its way back, since credit is sent in halves.
 */
const GROWTH_FACTOR = 2;

/**
 * Receive window of one stream: how much the peer may send, and when to tell it that it may send more.
 *
 * Credit is owed for bytes that have left our buffer, and is sent when half a window is owed. At that moment the rate
 * is known (bytes read since the last credit, over time); where the base RTT times that rate does not fit, the window
 * doubles. A reader that is slow keeps the rate down, so that it never gets a window it does not need.
 */
export class ReceiveWindow {
  readonly #context: WindowContext;
  #windowBytes = INITIAL_WINDOW_BYTES;
  #grownBytes = 0;
  /** How much the peer may still send. */
  #creditBytes = INITIAL_WINDOW_BYTES;
  #owedBytes = 0;
  #lastCreditMs: number | undefined;

  constructor(context: WindowContext) {
    this.#context = context;
  }

  /** Size that the window has grown to. */
  get sizeBytes(): number {
    return this.#windowBytes;
  }

  /** Takes note of received bytes. False when the peer sent more than it may. */
  received(bytes: number): boolean {
    this.#creditBytes -= bytes;
    return this.#creditBytes >= 0;
  }

  /** Takes note of bytes that left the buffer. Gives back the credit to send now, or 0. */
  consumed(bytes: number): number {
    this.#owedBytes += bytes;
    if (this.#owedBytes < this.#windowBytes / 2) return 0;
    const credit = this.#owedBytes + this.#grow();
    this.#owedBytes = 0;
    this.#creditBytes += credit;
    return credit;
  }

  /** Gives its share of the tunnel's budget back. */
  release(): void {
    this.#context.budget.giveBack(this.#grownBytes);
    this.#grownBytes = 0;
  }

  #grow(): number {
    const nowMs = this.#context.nowMs();
    const sinceMs = this.#lastCreditMs === undefined ? undefined : nowMs - this.#lastCreditMs;
    this.#lastCreditMs = nowMs;
    const rttMs = this.#context.baseRttMs;
    if (sinceMs === undefined || sinceMs <= 0 || rttMs === undefined) return 0;
    const wantedBytes = GROWTH_FACTOR * rttMs * (this.#owedBytes / sinceMs);
    if (wantedBytes <= this.#windowBytes) return 0;
    const target = Math.min(this.#windowBytes * 2, MAX_STREAM_WINDOW_BYTES);
    const granted = this.#context.budget.take(target - this.#windowBytes);
    this.#windowBytes += granted;
    this.#grownBytes += granted;
    return granted;
  }
}
