/** The gate's states. Only `on` lets anybody in. */
export type GateState =
  | { readonly kind: 'off'; readonly record: OffRecord }
  /** On its way to `on`: event and file are being stored. Whatever turns the gate off meanwhile wins. */
  | { readonly kind: 'opening'; readonly attempt: number; readonly before: GateClosed }
  /** `attempt` is there while a new time limit or reason is being stored. */
  | { readonly kind: 'on'; readonly opening: GateOpening; readonly attempt?: number };

/** The state to fall back to when an opening fails. */
export type GateClosed = Extract<GateState, { kind: 'off' }>;

/** Who turned the gate off, when and why. */
export interface OffRecord {
  readonly sinceMs: number;
  readonly by: string;
  readonly reason?: string;
  /** Turned off while no bastion ran: its event is still to be stored. */
  readonly unaudited?: boolean;
}

/** Who opened the gate, when, why and for how long. */
export interface GateOpening {
  readonly sinceMs: number;
  readonly by: string;
  readonly reason?: string;
  /** Operators may come outside of the windows of the policy as well. */
  readonly outsideWindows?: boolean;
  readonly limit?: OpeningLimit;
}

/** When an opening ends by itself: whichever of the two clocks comes first. */
export interface OpeningLimit {
  /** Wall clock, milliseconds since the epoch: what was promised, also across a restart. */
  readonly untilMs: number;
  /** Monotonic clock: setting the wall clock back does not prolong an opening. */
  readonly untilMonotonicMs: number;
}

/** What can happen to the gate. */
export type GateEvent =
  | { readonly kind: 'open_requested'; readonly attempt: number }
  | { readonly kind: 'opened'; readonly attempt: number; readonly opening: GateOpening }
  | { readonly kind: 'open_failed'; readonly attempt: number }
  | { readonly kind: 'closed'; readonly record: OffRecord };

/**
 * The one transition function. Closing always closes; an event that does not fit the state (an opening that was
 * overtaken by an off) leaves it as it is.
 */
export function nextGateState(state: GateState, event: GateEvent): GateState {
  switch (event.kind) {
    case 'closed':
      return { kind: 'off', record: event.record };
    case 'open_requested':
      if (state.kind === 'off') return { kind: 'opening', attempt: event.attempt, before: state };
      return state.kind === 'on' ? { ...state, attempt: event.attempt } : state;
    case 'opened':
      return isAttempt(state, event.attempt) ? { kind: 'on', opening: event.opening } : state;
    case 'open_failed':
      if (!isAttempt(state, event.attempt)) return state;
      return state.kind === 'opening' ? state.before : { kind: 'on', opening: state.opening };
  }
}

/** True while the opening numbered `attempt` is being stored and nothing has overtaken it. */
export function isAttempt(
  state: GateState,
  attempt: number,
): state is Extract<GateState, { kind: 'opening' | 'on' }> {
  return state.kind !== 'off' && state.attempt === attempt;
}

/** Milliseconds that an opening still has; `Infinity` without a limit. */
export function remainingMs(opening: GateOpening, now: { wallMs: number; monotonicMs: number }): number {
  if (opening.limit === undefined) return Number.POSITIVE_INFINITY;
  return Math.min(opening.limit.untilMs - now.wallMs, opening.limit.untilMonotonicMs - now.monotonicMs);
}
