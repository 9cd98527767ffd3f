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
 * Room that a window should have for the bandwidth-delay product that was measured. Two, since the measured rate is that
 * of the window itself as long as the window is what limits it: a window that is used up asks for one twice its size.
 */
const GROWTH_FACTOR = 2;

/** How much larger than wanted a window gets, so that a long path is full after few round trips. */
const OVERSHOOT = 2;

/**
 * A shorter path needs no larger window than the initial one, which is good for a gigabit per second here. On it the rate
 * is what the processors make of it, all that a larger window would bring is a queue for others to stand behind, and a
 * busy machine's pings look longer than the path is.
 */
const MIN_GROWTH_RTT_MS = 2;

/** Credit is sent when this share of the window is owed: rarely enough to be cheap, often enough to keep the path full. */
const CREDIT_SHARE = 1 / 4;

/**
 * Receive window of one stream: how much the peer may send, and when to tell it that it may send more.
 *
 * Credit is owed for bytes that have left our buffer. The rate at which they do is measured over one base RTT or more,
 * as bytes come in bursts; where RTT times rate does not fit, the window grows. A reader that is slow keeps the rate
 * down, so that it never gets a window it does not need.
 */
export class ReceiveWindow {
  readonly #context: WindowContext;
  #windowBytes = INITIAL_WINDOW_BYTES;
  #grownBytes = 0;
  /** How much the peer may still send. */
  #creditBytes = INITIAL_WINDOW_BYTES;
  #owedBytes = 0;
  #epochStartMs: number | undefined;
  #epochBytes = 0;

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
    if (this.#owedBytes < this.#windowBytes * CREDIT_SHARE) return 0;
    this.#epochBytes += this.#owedBytes;
    const credit = this.#owedBytes + this.#grow(this.#wantedBytes());
    this.#owedBytes = 0;
    this.#creditBytes += credit;
    return credit;
  }

  /** Gives its share of the tunnel's budget back. */
  release(): void {
    this.#context.budget.giveBack(this.#grownBytes);
    this.#grownBytes = 0;
  }

  /** Room for what arrives in one base RTT, and as much again; 0 while that is not known. Looks once per RTT. */
  #wantedBytes(): number {
    const nowMs = this.#context.nowMs();
    const rttMs = this.#context.baseRttMs;
    const sinceMs = this.#epochStartMs === undefined ? undefined : nowMs - this.#epochStartMs;
    if (sinceMs !== undefined && (rttMs === undefined || sinceMs < rttMs)) return 0;
    const bytes = this.#epochBytes;
    this.#epochStartMs = nowMs;
    this.#epochBytes = 0;
    if (sinceMs === undefined || sinceMs <= 0 || rttMs === undefined || rttMs < MIN_GROWTH_RTT_MS) return 0;
    return GROWTH_FACTOR * rttMs * (bytes / sinceMs);
  }

  #grow(wantedBytes: number): number {
    if (wantedBytes <= this.#windowBytes) return 0;
    const target = Math.min(Math.ceil(wantedBytes * OVERSHOOT), MAX_STREAM_WINDOW_BYTES);
    const granted = this.#context.budget.take(target - this.#windowBytes);
    this.#windowBytes += granted;
    this.#grownBytes += granted;
    return granted;
  }
}
