import type { Clock } from '../../shared/clock.ts';
import { type FoundAccess, readOffRecord } from './access-file.ts';
import type { GateOptions } from './gate-options.ts';
import type { GateState } from './gate-state.ts';
import { leftOf } from './machine.ts';

/** Why an opening ended by itself. */
export const TIME_OVER = 'the time for which access was on is over';
const CLOCK_SET_BACK = 'the clock was set back, so that the end of the opening can not be known';

/** What a gate begins with, and why it has to be closed at once, if it has. */
export interface FoundState {
  readonly state: GateState;
  readonly closeFor?: string;
}

/**
 * What the stored state means. Anything that can't be read, that has run out, or that lies in the future (so that the
 * clock was set back and its limit means nothing) is off.
 */
export function stateFrom(found: FoundAccess, options: GateOptions): FoundState {
  const { dataDir, clock, log } = options;
  switch (found.kind) {
    case 'absent':
      return { state: { kind: 'off', record: readOffRecord(dataDir) ?? offBySystem(clock) } };
    case 'unreadable': {
      const closeFor = `the stored state could not be read: ${found.problem}`;
      log.error({ problem: found.problem }, 'access.json can not be read, so remote access is off');
      const before = { kind: 'off', record: { ...offBySystem(clock), reason: closeFor } } as const;
      return { state: { kind: 'opening', attempt: 0, before }, closeFor };
    }
    case 'on': {
      const { untilMs, boot, ...stored } = found.opening;
      if (untilMs === undefined) return { state: { kind: 'on', opening: stored } };
      const leftMs = leftOf({ untilMs, ...(boot === undefined ? {} : { boot }) }, options);
      const limit = { untilMs, untilMonotonicMs: clock.monotonicMs() + leftMs };
      const state: GateState = { kind: 'on', opening: { ...stored, limit } };
      if (leftMs <= 0) return { state, closeFor: TIME_OVER };
      return stored.sinceMs > clock.nowMs() ? { state, closeFor: CLOCK_SET_BACK } : { state };
    }
  }
}

function offBySystem(clock: Clock) {
  return { sinceMs: clock.nowMs(), by: 'system' } as const;
}
