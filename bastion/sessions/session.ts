import { setMaxListeners } from 'node:events';
import type { Recorder } from '../../recordings/recorder.ts';
import type { Actor } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { PolicyAction } from '../policy/decide.ts';
import type { PolicyLimits } from '../policy/limits.ts';
import type { RecordingSummary, SessionSummary } from '../service.ts';

/** Who has a session, where, and by which pass: fixed from its first moment. */
export interface SessionIdentity {
  /** `s-` and 16 lower-case base32 characters. */
  readonly id: string;
  readonly operator: string;
  readonly groups: readonly string[];
  readonly amr: readonly string[];
  readonly device?: string;
  readonly host: string;
  readonly login: string;
  /** The operator's address, as the proxy reports it. */
  readonly source?: string;
  /** Id of the pass that let the operator in. */
  readonly passId: string;
  /** Issuer of the identity provider whose signature was checked, with `trust: idp`. */
  readonly vouchedBy?: string;
  readonly startedAt: string;
}

/** Why a session ends before its operator ends it. */
export interface SessionEnding {
  /** `access.off`, `session.ended_by_admin`, `policy.*`, `recording.failed`, `audit.unavailable`, … */
  readonly code: string;
  /** One sentence for the operator. */
  readonly message: string;
  /** Who ended it, when somebody did. */
  readonly by?: Actor;
}

/** The login that a session began with has ended. */
export const LOGIN_OVER: SessionEnding = {
  code: 'login.expired',
  message: 'Your login is over. Sign in again with: drawbridge login',
};

/** Whoever vouched for the operator is trusted no more. */
export const NO_LONGER_TRUSTED: SessionEnding = {
  code: 'pass.issuer_removed',
  message: 'The customer no longer trusts the one who vouched for you.',
};

/**
 * Where a session stands. Only `live` moves bytes; `ending` waits for both SSH connections to be gone and for the
 * evidence to be closed.
 */
export type SessionPhase =
  | { readonly kind: 'live' }
  | { readonly kind: 'ending'; readonly ending: SessionEnding }
  | { readonly kind: 'ended' };

export type SessionEvent =
  | { readonly kind: 'end'; readonly ending: SessionEnding }
  | { readonly kind: 'gone' };

/** The one transition function: the first reason to end counts, and nothing leads back. */
export function nextSessionPhase(phase: SessionPhase, event: SessionEvent): SessionPhase {
  switch (phase.kind) {
    case 'live':
      return event.kind === 'end' ? { kind: 'ending', ending: event.ending } : { kind: 'ended' };
    case 'ending':
      return event.kind === 'gone' ? { kind: 'ended' } : phase;
    case 'ended':
      return phase;
  }
}

/** A channel that is open now: what it does, for decisions that change, and its recording, for those who watch. */
export interface OpenChannel {
  readonly number: number;
  readonly action: PolicyAction;
  readonly recording?: Recorder;
}

/** What a channel has moved, for the event that ends the session. */
export interface ChannelTotals {
  readonly channel: number;
  readonly kind: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** At most so many channels are listed one by one in `session.ended`; the sums hold for all. */
const LISTED_CHANNELS_MAX = 200;

/** One SSH connection of an operator on a host, while it lives. */
export class Session {
  readonly identity: SessionIdentity;
  /** Milliseconds since the epoch from which the decision that allows this session has to be made again. */
  decidedUntilMs = Number.POSITIVE_INFINITY;
  readonly #controller = new AbortController();
  readonly #open = new Map<number, OpenChannel>();
  readonly #totals: ChannelTotals[] = [];
  readonly #noticed = new Set<(sentence: string) => void>();
  readonly #recordings = new Map<number, RecordingSummary>();
  #phase: SessionPhase = { kind: 'live' };
  #channels = 0;
  #closedChannels = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #reason: string | undefined;

  constructor(identity: SessionIdentity) {
    this.identity = identity;
    // One listener per channel that is being opened: their number is limited by the SSH connection.
    setMaxListeners(0, this.#controller.signal);
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  /** Aborted, with a DrawbridgeError of the {@link SessionEnding} as its reason, when the session is to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get openCount(): number {
    return this.#open.size;
  }

  get openChannels(): Iterable<OpenChannel> {
    return this.#open.values();
  }

  /** Bytes from the operator to the host and back, over all channels, up to now. */
  get bytes(): { readonly in: number; readonly out: number } {
    return { in: this.#bytesIn, out: this.#bytesOut };
  }

  /** Totals of the channels that have ended, and how many more there were than are listed. */
  get totals(): { readonly channels: readonly ChannelTotals[]; readonly unlisted: number } {
    return { channels: this.#totals, unlisted: this.#closedChannels - this.#totals.length };
  }

  /** What the policy bounds it by, over all that goes on in it; undefined before the first look. */
  limits: PolicyLimits | undefined;

  /** When it will end by itself, in milliseconds since the epoch, as far as that is known. */
  ends: {
    readonly windowMs?: number;
    readonly grantMs?: number;
    readonly loginMs?: number;
  } = {};

  /** When bytes last moved in it, in milliseconds since the epoch, within {@link UPKEEP_MS}. */
  movedAtMs: number | undefined;

  /** Calls `listener` with each line for the operator's terminal. Returns how to stop. */
  onNotice(listener: (sentence: string) => void): () => void {
    this.#noticed.add(listener);
    return () => this.#noticed.delete(listener);
  }

  /** Shows a sentence in the operator's terminals. False when there is none now. */
  notify(sentence: string): boolean {
    for (const listener of this.#noticed) listener(sentence);
    return this.#noticed.size > 0;
  }

  /** Why the operator is here, when they have said so. */
  get reason(): string | undefined {
    return this.#reason;
  }

  noteReason(reason: string): void {
    this.#reason = reason;
  }

  /** Ends the session. Those who move its bytes hear it by {@link signal} before this returns. */
  end(ending: SessionEnding): void {
    const before = this.#phase;
    this.#phase = nextSessionPhase(before, { kind: 'end', ending });
    if (before.kind === 'live') this.#controller.abort(new DrawbridgeError(ending.code, ending.message));
  }

  /** Both SSH connections are gone. */
  gone(): void {
    this.#phase = nextSessionPhase(this.#phase, { kind: 'gone' });
  }

  /** The number of the next channel, from 1. */
  nextChannel(): number {
    this.#channels += 1;
    return this.#channels;
  }

  channelOpened(channel: OpenChannel): void {
    this.#open.set(channel.number, channel);
    // What bounds the session may be another from here on.
    this.decidedUntilMs = 0;
  }

  channelClosed(totals: ChannelTotals): void {
    this.#open.delete(totals.channel);
    this.#closedChannels += 1;
    if (this.#totals.length < LISTED_CHANNELS_MAX) this.#totals.push(totals);
  }

  count(direction: 'in' | 'out', sizeBytes: number): void {
    if (direction === 'in') this.#bytesIn += sizeBytes;
    else this.#bytesOut += sizeBytes;
  }

  /** Notes how a recording stands, for lists. */
  recordingChanged(recording: RecordingSummary): void {
    this.#recordings.set(recording.channel, recording);
  }

  /** The session as users see it. */
  get summary(): SessionSummary {
    const { id, operator, host, login, source, startedAt } = this.identity;
    const recordings = [...this.#recordings.values()].map((recording) => {
      const live = this.#open.get(recording.channel)?.recording;
      return live === undefined ? recording : { ...recording, sizeBytes: live.sizeBytes };
    });
    return {
      id,
      operator,
      host,
      login,
      ...(source === undefined ? {} : { source }),
      state: this.#phase.kind === 'ended' ? 'ended' : 'live',
      startedAt,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      ...(this.movedAtMs === undefined ? {} : { movedAt: new Date(this.movedAtMs).toISOString() }),
      ...(this.ends.grantMs === undefined ? {} : { grantedUntil: new Date(this.ends.grantMs).toISOString() }),
      recordings,
    };
  }
}
