import type { Clock, Timer } from '../../clock.ts';
import { PING_INTERVAL_MS, SILENCE_TIMEOUT_MS } from '../limits.ts';

/** When a new tunnel pings, so that a quiet moment's round trip time is known before the first bulk transfer. */
const FIRST_PINGS_MS = [0, 20, 40, 80, 120, 160, 240, 320, 480, 640, 960, 1_280];

/** Round trip times of this many quiet pings are kept; the least of them is the base. */
const QUIET_SAMPLES = 32;

/** A ping is quiet when less than this moved while it was on its way. */
const QUIET_BYTES = 16 * 1024;

/** Weight of a new round trip time in the smoothed one. */
const SMOOTHING = 1 / 8;

/** A timer this late means that this process slept, and says nothing about the peer. */
const SLEPT_MS = 2_000;

/** When a session pings, and when it gives its peer up. */
export interface LivenessTimes {
  readonly pingIntervalMs: number;
  readonly silenceTimeoutMs: number;
}

/** The times that the protocol states. */
export const DEFAULT_LIVENESS_TIMES: LivenessTimes = {
  pingIntervalMs: PING_INTERVAL_MS,
  silenceTimeoutMs: SILENCE_TIMEOUT_MS,
};

/** What {@link Liveness} needs of its session. */
export interface LivenessOptions {
  readonly clock: Clock;
  readonly times: LivenessTimes;
  sendPing(value: number): void;
  /** Bytes that the session has moved so far, both ways. */
  movedBytes(): number;
  /** Nothing was heard for as long as the times allow. */
  onSilence(): void;
}

interface PingOnItsWay {
  readonly value: number;
  readonly sentMs: number;
  readonly movedBytes: number;
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
    const { clock, times } = this.#options;
    for (const delayMs of FIRST_PINGS_MS) this.#timers.push(clock.after(delayMs, () => this.#ping()));
    this.#timers.push(clock.every(times.pingIntervalMs, () => this.#ping()));
    this.#watchSilence(times.silenceTimeoutMs);
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
    if (this.#options.movedBytes() - ping.movedBytes < QUIET_BYTES) {
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
      movedBytes: this.#options.movedBytes(),
    };
    this.#options.sendPing(this.#lastValue);
  }

  #watchSilence(delayMs: number): void {
    const { clock, times } = this.#options;
    const dueMs = clock.monotonicMs() + delayMs;
    this.#silenceTimer = clock.after(delayMs, () => {
      const nowMs = clock.monotonicMs();
      const leftMs = this.#heardMs + times.silenceTimeoutMs - nowMs;
      if (leftMs > 0) this.#watchSilence(leftMs);
      else if (nowMs - dueMs > SLEPT_MS) this.#watchSilence(SLEPT_MS);
      else this.#options.onSilence();
    });
  }
}
