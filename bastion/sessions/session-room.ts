import type { Clock } from '../../shared/clock.ts';
import type { PolicyLimits } from '../policy/limits.ts';
import type { Session } from './session.ts';

/** Sessions at once; one more is refused at admission. A light machine holds them with room to spare. */
export const LIVE_SESSIONS_MAX = 500;

/** Sessions at once of one operator. */
export const OPERATOR_SESSIONS_MAX = 100;

/** The policy counts new sessions within this time. */
const RATE_WINDOW_MS = 60_000;

/** Starts that are remembered of one operator: what the policy can ask for at most. */
const STARTS_KEPT = 1_000;

/** What bounds how many sessions there may be. */
export type RoomLimits = Pick<PolicyLimits, 'sessions' | 'sessionsTotal' | 'newPerMinute'>;

/** Says whether there is room for one more session: by what this machine holds, and by what the policy grants. */
export class SessionRoom {
  readonly #clock: Clock;
  /** Monotonic times of the last starts of each operator. Who started last comes last. */
  readonly #starts = new Map<string, number[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One plain sentence when `operator` can't have another session beside those that are `live`. */
  refusal(operator: string, live: Iterable<Session>, limits: RoomLimits): string | undefined {
    let all = 0;
    let own = 0;
    for (const session of live) {
      all += 1;
      if (session.identity.operator === operator) own += 1;
    }
    if (all >= LIVE_SESSIONS_MAX) {
      return `This bastion has ${LIVE_SESSIONS_MAX} sessions open, which is all that it takes. Try again later.`;
    }
    if (all >= (limits.sessionsTotal ?? LIVE_SESSIONS_MAX)) {
      return `The policy allows ${limits.sessionsTotal} sessions at once in all, and as many are open. Try again later.`;
    }
    const ownMax = Math.min(limits.sessions ?? OPERATOR_SESSIONS_MAX, OPERATOR_SESSIONS_MAX);
    if (own >= ownMax) {
      return `You have ${own} sessions open here, which is all that one operator may have. End one first.`;
    }
    if (this.#startsWithin(operator) >= (limits.newPerMinute ?? Number.POSITIVE_INFINITY)) {
      return `The policy allows ${limits.newPerMinute} new sessions a minute. Wait a little, then try again.`;
    }
    return undefined;
  }

  /** A session of `operator` begins now. */
  started(operator: string): void {
    const nowMs = this.#clock.monotonicMs();
    const starts = [...(this.#starts.get(operator) ?? []), nowMs].slice(-STARTS_KEPT);
    this.#starts.delete(operator);
    this.#starts.set(operator, starts);
    for (const [other, times] of this.#starts) {
      if (nowMs - (times.at(-1) ?? nowMs) < RATE_WINDOW_MS) break;
      this.#starts.delete(other);
    }
  }

  #startsWithin(operator: string): number {
    const fromMs = this.#clock.monotonicMs() - RATE_WINDOW_MS;
    return (this.#starts.get(operator) ?? []).filter((startMs) => startMs > fromMs).length;
  }
}
