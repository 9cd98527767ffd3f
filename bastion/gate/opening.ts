import type { Actor } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { saidText } from '../../shared/plain-text.ts';
import type { StoredOpening } from './access-file.ts';
import type { TurnOnOptions } from './gate-options.ts';
import type { GateOpening } from './gate-state.ts';
import { bootEndIn, type KnownTime } from './machine.ts';

/** Longest opening with a limit: a year. */
export const OPENING_LIMIT_MAX_MS = 365 * 24 * 3600 * 1000;

/** Longest reason that is stored. */
export const REASON_LIMIT_CHARACTERS = 1000;

/**
 * The opening that somebody asks for, from now on.
 * @throws `usage.duration`, `usage.outside_windows`
 */
export function openingOf(actor: Actor, options: TurnOnOptions, clock: Clock): GateOpening {
  const sinceMs = clock.nowMs();
  const { untilMs, outsideWindows = false } = options;
  const forMs = untilMs === undefined ? options.forMs : untilMs - sinceMs;
  if (outsideWindows && forMs === undefined) {
    throw new DrawbridgeError(
      'usage.outside_windows',
      'Access outside of the windows of the policy needs an end.',
      { hint: 'Say for how long with --for, or until when with --until.' },
    );
  }
  if (forMs !== undefined && !(Number.isFinite(forMs) && forMs > 0 && forMs <= OPENING_LIMIT_MAX_MS)) {
    throw new DrawbridgeError('usage.duration', 'Access can be on for more than nothing and at most a year.');
  }
  const reason = saidText(options.reason, REASON_LIMIT_CHARACTERS);
  return {
    sinceMs,
    by: actor,
    ...(reason === undefined ? {} : { reason }),
    ...(outsideWindows ? { outsideWindows } : {}),
    ...(forMs === undefined
      ? {}
      : { limit: { untilMs: sinceMs + forMs, untilMonotonicMs: clock.monotonicMs() + forMs } }),
  };
}

/** What is kept of an opening: its end by both clocks that outlive this process. */
export function storedOpeningOf(opening: GateOpening, { clock, machine }: KnownTime): StoredOpening {
  const { limit, ...said } = opening;
  if (limit === undefined) return said;
  const boot = bootEndIn(limit.untilMonotonicMs - clock.monotonicMs(), machine);
  return { ...said, untilMs: limit.untilMs, ...(boot === undefined ? {} : { boot }) };
}
