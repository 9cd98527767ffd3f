import type { Clock } from '../clock.ts';

/**
 * What is on its way to the peer is kept so little that it waits about so long anywhere. Whatever waits behind the
 * sender can't be called back: it still arrives when the sender has long been told to stop, and all that comes after it
 * waits as well.
 */
export const QUEUE_TARGET_MS = 40;

/** Or, towards a peer that is far away, so much of the round trip: with less, the line would run dry now and then. */
const FAR_QUEUE_SHARE = 1 / 3;

/** The limit of a connection of which nothing is known yet. */
const INITIAL_LIMIT_BYTES = 256 * 1024;
/** Below, the cost of each packet would count for more than the wait. */
export const LOWEST_LIMIT_BYTES = 48 * 1024;
/** So many pieces of data share what may be on its way: a line must not run dry while it carries a single large one. */
const PIECES_PER_FLIGHT = 16;
const SMALLEST_PIECE_BYTES = 4 * 1024;
/** Far above every receive window: no limit. */
const HIGHEST_LIMIT_BYTES = 64 * 1024 * 1024;

/** So many probes share what may be on its way at most. */
const PROBES_PER_FLIGHT = 4;

/** With little on the way, the line is asked so often at most. */
const CALM_PROBE_PAUSE_MS = 250;
/** How quick the line is when nothing waits in it is found out anew when it was not seen for so long. */
const BASE_KEPT_MS = 60_000;
/** A round trip that is longer than the quickest by no more than this has met no queue. */
const NO_QUEUE_MS = 5;
/** A peer that has not answered for so long does not answer at all, or is stopped: no limit then. */
const SILENT_MS = 15_000;
/** The least and the most by which one answer changes the limit. */
const LEAST_FACTOR = 0.25;
const MOST_FACTOR = 2;

interface Probe {
  readonly atMs: number;
  /** All that had been sent before it. */
  readonly sentBytes: number;
  /** Nothing was on its way when it was sent. */
  readonly alone: boolean;
}

/**
 * Decides how much may be on its way to the peer of one connection, of all its channels together, by the round trips
 * of probes between the data: requests that every peer has to answer in order. It is the idea of congestion control by
 * delay (LEDBAT, RFC 6817), one layer up: queues in the networks, sockets and processes in between count alike.
 *
 * It only counts and decides. Whoever sends asks {@link isFull} before, calls {@link sent} behind each piece of data and
 * {@link answered} for each answer, and sends a probe whenever one of them says true. While it is full, a probe is on its
 * way, so that an answer comes that frees it.
 */
export class FlightLimit {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #sentBytes = 0;
  #arrivedBytes = 0;
  #consumedBytes = 0;
  #limitBytes = INITIAL_LIMIT_BYTES;
  /** Those on their way, the oldest first. */
  readonly #probes: Probe[] = [];
  #lastProbe: Probe | undefined;
  /** Most that was on its way since the limit was changed. */
  #peakBytes = 0;
  /** The quickest round trip, and when one like it was last seen. */
  #base: { readonly rttMs: number; readonly seenAtMs: number } | undefined;
  /** Until a queue was seen, the limit doubles with each answer. */
  #queueSeen = false;
  /** What had been sent when the limit was changed: an answer says something about it only for what came behind. */
  #changedAtBytes = 0;
  /** Nothing more is sent until a probe has found the line empty. */
  #draining = false;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  /** True while no more data may be sent. */
  get isFull(): boolean {
    return this.#draining || this.#flightBytes >= this.#limitBytes;
  }

  /** Data is to be sent in pieces of no more than this. */
  get pieceBytes(): number {
    return Math.max(SMALLEST_PIECE_BYTES, Math.floor(this.#limitBytes / PIECES_PER_FLIGHT));
  }

  /** Data was sent. True: a probe is to be sent now, behind it. */
  sent(sizeBytes: number): boolean {
    this.#sentBytes += sizeBytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#flightBytes);
    return this.#beginProbe();
  }

  /** The oldest probe was answered. True: another one is to be sent now. */
  answered(): boolean {
    const probe = this.#probes.shift();
    if (probe === undefined) return false;
    this.#arrivedBytes = probe.sentBytes;
    if (this.#limitBytes === Number.POSITIVE_INFINITY) this.#limitBytes = INITIAL_LIMIT_BYTES;
    this.#adapt(probe, this.#clock.monotonicMs());
    return this.#beginProbe();
  }

  /**
   * The peer has opened its windows by so much, as it does for data that it has used. Of one that has used what was sent
   * behind a probe and not answered that, no answer is to be expected.
   */
  consumed(sizeBytes: number): void {
    this.#consumedBytes += sizeBytes;
    const [oldest] = this.#probes;
    if (oldest !== undefined && this.#consumedBytes > oldest.sentBytes) this.#giveUp();
  }

  /** To be called now and then. Takes the limit from a peer that leaves probes unanswered, until it answers one. */
  checkSilence(): void {
    const [oldest] = this.#probes;
    if (oldest !== undefined && this.#clock.monotonicMs() - oldest.atMs >= SILENT_MS) this.#giveUp();
  }

  #giveUp(): void {
    this.#limitBytes = Number.POSITIVE_INFINITY;
    this.#draining = false;
  }

  get #flightBytes(): number {
    return this.#sentBytes - this.#arrivedBytes;
  }

  #beginProbe(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#wantsProbe(nowMs)) return false;
    const probe = { atMs: nowMs, sentBytes: this.#sentBytes, alone: this.#flightBytes === 0 };
    this.#probes.push(probe);
    this.#lastProbe = probe;
    return true;
  }

  #wantsProbe(nowMs: number): boolean {
    const none = this.#probes.length === 0;
    if (this.#draining) return none;
    const newBytes = this.#sentBytes - (this.#lastProbe?.sentBytes ?? 0);
    if (newBytes === 0) return false;
    if (this.#flightBytes < this.#limitBytes / 2)
      return none && nowMs - (this.#lastProbe?.atMs ?? Number.NEGATIVE_INFINITY) >= CALM_PROBE_PAUSE_MS;
    return none || newBytes >= this.#limitBytes / PROBES_PER_FLIGHT;
  }

  #adapt(probe: Probe, nowMs: number): void {
    const rttMs = nowMs - probe.atMs;
    if (this.#draining) {
      if (!probe.alone) return;
      this.#draining = false;
      this.#base = { rttMs, seenAtMs: nowMs };
      return;
    }
    const base = this.#noteBase(rttMs, nowMs);
    this.#draining = nowMs - base.seenAtMs > BASE_KEPT_MS;
    if (probe.sentBytes < this.#changedAtBytes) return;
    const queueMs = Math.max(QUEUE_TARGET_MS, base.rttMs * FAR_QUEUE_SHARE);
    const factor = (base.rttMs + queueMs) / Math.max(rttMs, 1);
    if (factor < 1) {
      this.#queueSeen = true;
      this.#change(Math.max(factor, LEAST_FACTOR));
    } else if (this.#peakBytes >= this.#limitBytes / 2) {
      this.#change(this.#queueSeen ? Math.min(factor, MOST_FACTOR) : MOST_FACTOR);
    }
  }

  #noteBase(rttMs: number, nowMs: number): { readonly rttMs: number; readonly seenAtMs: number } {
    const known = this.#base?.rttMs ?? rttMs;
    if (this.#base === undefined || rttMs <= known + NO_QUEUE_MS)
      this.#base = { rttMs: Math.min(known, rttMs), seenAtMs: nowMs };
    return this.#base;
  }

  #change(factor: number): void {
    const limitBytes = Math.round(this.#limitBytes * factor);
    this.#limitBytes = Math.min(Math.max(limitBytes, LOWEST_LIMIT_BYTES), HIGHEST_LIMIT_BYTES);
    this.#changedAtBytes = this.#sentBytes;
    this.#peakBytes = 0;
  }
}
