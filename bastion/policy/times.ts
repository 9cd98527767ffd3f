import type { PolicyRole } from './schema.ts';
import { DEFAULT_ZONE, parseDay, parseMinute, WEEKDAYS, weekdayOf, ZoneCalendar } from './zone-time.ts';

/** How far ahead the next change is looked for: past it, the answer is asked for again. */
const DAYS_AHEAD = 8;

/** Whether a role counts at a moment, and until when that is certain. */
export interface TimeVerdict {
  readonly open: boolean;
  /** What keeps it closed: the contract period, or the hours. */
  readonly closedBy?: 'valid' | 'window';
  /** Milliseconds since the epoch at which this may change; `Infinity` when it never does. */
  readonly untilMs: number;
}

interface Interval {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The times of a role: its contract period and its windows. Both must be open; one window is enough. */
export function timesOf(
  role: Pick<PolicyRole, 'valid' | 'windows'>,
  timeMs: number,
  zone: string | undefined,
): TimeVerdict {
  const calendars = new Calendars(zone ?? DEFAULT_ZONE, timeMs);
  const valid = validityOf(role.valid, timeMs, calendars);
  if (!valid.open) return valid;
  const windows = windowsOf(role.windows, timeMs, calendars);
  return { ...windows, untilMs: Math.min(valid.untilMs, windows.untilMs) };
}

/** The calendars that one look at a role needs, each made once. */
class Calendars {
  readonly #defaultZone: string;
  readonly #timeMs: number;
  readonly #made = new Map<string, ZoneCalendar>();

  constructor(defaultZone: string, timeMs: number) {
    this.#defaultZone = defaultZone;
    this.#timeMs = timeMs;
  }

  of(zone: string | undefined): ZoneCalendar {
    const name = zone ?? this.#defaultZone;
    const calendar = this.#made.get(name) ?? new ZoneCalendar(name, this.#timeMs);
    this.#made.set(name, calendar);
    return calendar;
  }
}

function validityOf(valid: PolicyRole['valid'], timeMs: number, calendars: Calendars): TimeVerdict {
  if (valid === undefined) return { open: true, untilMs: Number.POSITIVE_INFINITY };
  const calendar = calendars.of(valid.zone);
  const first = valid.from === undefined ? undefined : parseDay(valid.from);
  const last = valid.until === undefined ? undefined : parseDay(valid.until);
  const startMs = first === undefined ? Number.NEGATIVE_INFINITY : calendar.firstMomentOf(first, 0);
  // The last day counts to its end.
  const endMs = last === undefined ? Number.POSITIVE_INFINITY : calendar.firstMomentOf(last + 1, 0);
  if (timeMs >= endMs) return { open: false, closedBy: 'valid', untilMs: Number.POSITIVE_INFINITY };
  if (timeMs < startMs) return { open: false, closedBy: 'valid', untilMs: startMs };
  return { open: true, untilMs: endMs };
}

function windowsOf(windows: PolicyRole['windows'], timeMs: number, calendars: Calendars): TimeVerdict {
  if (windows === undefined) return { open: true, untilMs: Number.POSITIVE_INFINITY };
  const intervals = windows
    .flatMap((window) => intervalsOf(window, timeMs, calendars))
    .sort((a, b) => a.fromMs - b.fromMs);
  let openUntilMs = timeMs;
  for (const { fromMs, toMs } of intervals) {
    if (fromMs <= openUntilMs) openUntilMs = Math.max(openUntilMs, toMs);
  }
  if (openUntilMs > timeMs) return { open: true, untilMs: openUntilMs };
  const nextMs = intervals.find(({ fromMs }) => fromMs > timeMs)?.fromMs;
  return { open: false, closedBy: 'window', untilMs: nextMs ?? Number.POSITIVE_INFINITY };
}

type Window = NonNullable<PolicyRole['windows']>[number];

/** When the window is open, from the day before `timeMs` on (it may last over midnight). Empty ones are left out. */
function intervalsOf(window: Window, timeMs: number, calendars: Calendars): Interval[] {
  const calendar = calendars.of(window.zone);
  const from = parseMinute(window.from);
  const to = parseMinute(window.to);
  if (from === undefined || to === undefined) return [];
  const today = calendar.dayAt(timeMs);
  const intervals: Interval[] = [];
  // One day more on either side, since a zone may leave out a whole day.
  for (let day = today - 2; day <= today + DAYS_AHEAD; day++) {
    const weekday = WEEKDAYS[weekdayOf(day)];
    if (weekday === undefined || window.days?.includes(weekday) === false) continue;
    const fromMs = calendar.firstMomentOf(day, from);
    const toMs = calendar.firstMomentOf(to > from ? day : day + 1, to);
    if (fromMs < toMs) intervals.push({ fromMs, toMs });
  }
  return intervals;
}
