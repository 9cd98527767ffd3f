import type { Clock, Timer } from '../../clock.ts';
import { PING_INTERVAL_MS, SILENCE_TIMEOUT_MS } from '../limits.ts';

/** When a new tunnel pings, so that a quiet moment's round trip time is known before the first bulk transfer. */
const FIRST_PINGS_MS = [0, 60, 160, 320, 640, 1_280];

/** Round trip times of this many quiet pings are kept; the least of them is the base. */
const QUIET_SAMPLES = 8;

/** A ping is quiet when less payload than this moved while it was on its way. */
const QUIET_BYTES = 16 * 1024;

/** Weight of a new round trip time in the smoothed one. */
const SMOOTHING = 1 / 8;

/** A timer this late means that this process slept, and says nothing about the peer. */
const SLEPT_MS = 2_000;

/** What {@link Liveness} needs of its session. */
export interface LivenessOptions {
  readonly clock: Clock;
  sendPing(value: number): void;
  /** Payload bytes that the session has moved so far, both ways. */
  payloadBytes(): number;
  /** Nothing was heard for {@link SILENCE_TIMEOUT_MS}. */
  onSilence(): void;
}

interface PingOnItsWay {
  readonly value: number;
  readonly sentMs: number;
  readonly payloadBytes: number;
}

/** Pings the peer, measures round trip times, and notices when the peer has fallen silent. */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #timers: Timer[] = [];
  #silenceTimer: Timer | undefined;
  #heardMs: number;
  #lastValue = 0;
  #onItsWay: PingOnItsWay | undefined;
  #quietMs: number[] = [];
  #leastBusyMs: number | undefined;
  #smoothedMs: number | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#heardMs = options.clock.monotonicMs();
  }

  /** Smoothed round trip time, whatever the load. */
  get smoothedRttMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** Round trip time of the path itself: the least of the quiet pings, else the least of all. */
  get baseRttMs(): number | undefined {
    return this.#quietMs.length > 0 ? Math.min(...this.#quietMs) : this.#leastBusyMs;
  }

  start(): void {
    const { clock } = this.#options;
    for (const delayMs of FIRST_PINGS_MS) this.#timers.push(clock.after(delayMs, () => this.#ping()));
    this.#timers.push(clock.every(PING_INTERVAL_MS, () => this.#ping()));
    this.#watchSilence(SILENCE_TIMEOUT_MS);
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#silenceTimer?.cancel();
  }

  /** Any bytes at all came from the peer. */
  heard(): void {
    this.#heardMs = this.#options.clock.monotonicMs();
  }

  /** The answer to a ping came. Answers to pings that we did not send are ignored. */
  pong(value: number): void {
    const ping = this.#onItsWay;
    if (ping === undefined || ping.value !== value) return;
    this.#onItsWay = undefined;
    const rttMs = this.#options.clock.monotonicMs() - ping.sentMs;
    this.#smoothedMs =
      this.#smoothedMs === undefined ? rttMs : this.#smoothedMs + (rttMs - this.#smoothedMs) * SMOOTHING;
    if (this.#options.payloadBytes() - ping.payloadBytes < QUIET_BYTES) {
      this.#quietMs = [...this.#quietMs.slice(1 - QUIET_SAMPLES), rttMs];
    } else {
      this.#leastBusyMs = Math.min(this.#leastBusyMs ?? rttMs, rttMs);
    }
  }

  #ping(): void {
    this.#lastValue = (this.#lastValue + 1) >>> 0;
    this.#onItsWay = {
      value: this.#lastValue,
      sentMs: this.#options.clock.monotonicMs(),
      payloadBytes: this.#options.payloadBytes(),
    };
    this.#options.sendPing(this.#lastValue);
  }

  #watchSilence(delayMs: number): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    this.#silenceTimer = clock.after(delayMs, () => {
      const nowMs = clock.monotonicMs();
      const leftMs = this.#heardMs + SILENCE_TIMEOUT_MS - nowMs;
      if (leftMs > 0) this.#watchSilence(leftMs);
      else if (nowMs - dueMs > SLEPT_MS) this.#watchSilence(SLEPT_MS);
      else this.#options.onSilence();
    });
  }
}
