import type { Clock, Timer } from '../../shared/clock.ts';
import { LOGIN_OVER, type Session } from './session.ts';

/** How often sessions are looked at: the most by which one can outlast a limit. */
export const UPKEEP_MS = 500;

/** The operator is warned so long before a session ends by itself. */
export const WARNINGS_MS: readonly number[] = [5 * 60_000, 60_000];

export interface SessionUpkeepOptions {
  readonly sessions: () => Iterable<Session>;
  /** When the gate closes by itself, in milliseconds since the epoch. */
  readonly gateClosesAtMs: () => number | undefined;
  readonly clock: Clock;
}

/** A moment at which a session will end by itself. */
interface ComingEnd {
  readonly atMs: number;
  /** Behind "This session ends in 5 minutes: ". */
  readonly because: string;
}

interface Watched {
  movedBytes: number;
  /** By the clock that never jumps. */
  movedAtMs: number;
  readonly beganAtMs: number;
  readonly warned: Set<string>;
}

/**
 * Ends sessions that have lasted too long or in which nothing has moved for too long, and warns the operator before that
 * and before every other end that can be foreseen. Bytes of any channel count, so that an active forward or transfer is
 * not idle.
 */
export class SessionUpkeep {
  readonly #options: SessionUpkeepOptions;
  readonly #timer: Timer;
  readonly #watched = new WeakMap<Session, Watched>();

  constructor(options: SessionUpkeepOptions) {
    this.#options = options;
    this.#timer = options.clock.every(UPKEEP_MS, () => this.#look());
  }

  close(): void {
    this.#timer.cancel();
  }

  #look(): void {
    for (const session of this.#options.sessions()) {
      if (session.phase.kind === 'live') this.#lookAt(session);
    }
  }

  #lookAt(session: Session): void {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const movedBytes = session.bytes.in + session.bytes.out;
    let watched = this.#watched.get(session);
    if (watched === undefined) {
      const lastedMs = Math.max(clock.nowMs() - Date.parse(session.identity.startedAt), 0);
      const beganAtMs = nowMs - Math.min(lastedMs, UPKEEP_MS);
      watched = { movedBytes, movedAtMs: nowMs, beganAtMs, warned: new Set() };
      this.#watched.set(session, watched);
      session.movedAtMs = clock.nowMs();
    }
    if (watched.movedBytes !== movedBytes) {
      watched.movedBytes = movedBytes;
      watched.movedAtMs = nowMs;
      session.movedAtMs = clock.nowMs();
    }
    // The machine may have slept, or its calendar been set forward, which no timer notices.
    if (clock.nowMs() >= (session.ends.loginMs ?? Number.POSITIVE_INFINITY)) {
      session.end(LOGIN_OVER);
      return;
    }
    const { sessionMs, idleMs } = session.limits ?? {};
    if (sessionMs !== undefined && nowMs - watched.beganAtMs >= sessionMs) {
      session.end({
        code: 'policy.session_limit',
        message: `Your session is over: it may last ${durationText(sessionMs)}.`,
      });
      return;
    }
    if (idleMs !== undefined && nowMs - watched.movedAtMs >= idleMs) {
      session.end({
        code: 'policy.idle',
        message: `Your session was idle for ${durationText(idleMs)}, so it ends.`,
      });
      return;
    }
    const leftToWall = clock.nowMs() - nowMs;
    const ends = comingEnds(session, this.#options.gateClosesAtMs());
    if (sessionMs !== undefined)
      ends.push({ atMs: watched.beganAtMs + sessionMs + leftToWall, because: 'it may last no longer' });
    if (idleMs !== undefined)
      ends.push({ atMs: watched.movedAtMs + idleMs + leftToWall, because: 'nothing moves in it' });
    for (const end of ends) this.#warn(session, watched, end);
  }

  #warn(session: Session, watched: Watched, end: ComingEnd): void {
    const leftMs = end.atMs - this.#options.clock.nowMs();
    const due = WARNINGS_MS.filter((beforeMs) => leftMs <= beforeMs);
    const nearest = due.at(-1);
    const key = `${end.because} ${nearest}`;
    if (nearest === undefined) {
      // Moved away again: an idle session has woken up, a grant was made longer.
      for (const beforeMs of WARNINGS_MS) watched.warned.delete(`${end.because} ${beforeMs}`);
      return;
    }
    if (watched.warned.has(key)) return;
    const left = durationText(Math.max(leftMs, 1000));
    // Said again as long as there is no terminal to read it: a shell may start later.
    if (!session.notify(`This session ends in ${left}: ${end.because}.`)) return;
    for (const beforeMs of due) watched.warned.add(`${end.because} ${beforeMs}`);
  }
}

function comingEnds(session: Session, gateClosesAtMs: number | undefined): ComingEnd[] {
  const { windowMs, grantMs, loginMs } = session.ends;
  const ends: ComingEnd[] = [];
  const add = (atMs: number | undefined, because: string): void => {
    if (atMs !== undefined && Number.isFinite(atMs)) ends.push({ atMs, because });
  };
  add(gateClosesAtMs, 'remote access is turned off by itself then');
  add(windowMs, 'the policy allows it until then');
  add(grantMs, "the customer's approval ends then");
  add(loginMs, 'your login ends then');
  return ends;
}

/** `5 minutes`, `90 seconds`, `2 hours`: as people say it. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  const [amount, unit] =
    seconds < 100
      ? [seconds, 'second']
      : seconds < 100 * 60
        ? [Math.round(seconds / 60), 'minute']
        : [Math.round(seconds / 3600), 'hour'];
  if (seconds === 60) return '1 minute';
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}
