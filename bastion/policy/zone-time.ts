import { IANAZone } from 'luxon';

/** Days that a window may be on, Monday first. */
export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** Name of the time zone that counts where a policy names none. */
export const DEFAULT_ZONE = 'UTC';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** No zone changes its offset and back within this. */
const STEADY_MS = 12 * DAY_MS;

/** A day of the calendar, as its number from 1970-01-01 on. */
export type DayNumber = number;

/** True for a name of the IANA time zone database, such as `Europe/Berlin`. */
export function isZone(name: string): boolean {
  return IANAZone.isValidZone(name);
}

/** The calendar of one time zone: which moment a clock on the wall there shows, and when. */
export class ZoneCalendar {
  readonly #zone: IANAZone;
  readonly #steady: { readonly fromMs: number; readonly toMs: number; readonly offsetMs: number } | undefined;

  /**
   * @param name of the IANA database; see {@link isZone}.
   * @param aroundMs near which it will be asked: a calendar that changes no offset there answers faster.
   */
  constructor(name: string, aroundMs: number) {
    this.#zone = IANAZone.create(name);
    const fromMs = aroundMs - STEADY_MS;
    const toMs = aroundMs + STEADY_MS;
    const offsetMs = this.#offsetMs(fromMs);
    this.#steady = offsetMs === this.#offsetMs(toMs) ? { fromMs, toMs, offsetMs } : undefined;
  }

  /** The day that the calendar shows at `timeMs` (since the epoch). */
  dayAt(timeMs: number): DayNumber {
    return Math.floor((timeMs + this.#offsetMs(timeMs)) / DAY_MS);
  }

  /** Date and time of the clock on the wall at `timeMs`: `2026-03-29 08:00`. */
  textAt(timeMs: number): string {
    const shown = new Date(timeMs + this.#offsetMs(timeMs)).toISOString();
    return `${shown.slice(0, 10)} ${shown.slice(11, 16)}`;
  }

  /**
   * The first moment at which the clock on the wall shows `minute` (from 0 to 1440) of `day`, or a later time. So a time
   * that exists twice, as clocks are set back, is the first of the two; a time that does not exist, as clocks are set
   * forward, is the moment at which they are.
   * @returns milliseconds since the epoch
   */
  firstMomentOf(day: DayNumber, minute: number): number {
    const shownMs = day * DAY_MS + minute * MINUTE_MS;
    // No zone is further than 14 hours from UTC, so these lie before and behind the moment that is looked for.
    const before = this.#offsetMs(shownMs - DAY_MS);
    const after = this.#offsetMs(shownMs + DAY_MS);
    if (before === after) return shownMs - before;
    const candidates = [shownMs - before, shownMs - after].sort((a, b) => a - b);
    const exact = candidates.find((candidate) => candidate + this.#offsetMs(candidate) === shownMs);
    if (exact !== undefined) return exact;
    return this.#changeBetween(shownMs - DAY_MS, shownMs + DAY_MS, after);
  }

  /** The first moment, in whole minutes, at which `offsetMs` counts. */
  #changeBetween(fromMs: number, toMs: number, offsetMs: number): number {
    let low = Math.floor(fromMs / MINUTE_MS);
    let high = Math.ceil(toMs / MINUTE_MS);
    while (low + 1 < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#offsetMs(middle * MINUTE_MS) === offsetMs) high = middle;
      else low = middle;
    }
    return high * MINUTE_MS;
  }

  #offsetMs(timeMs: number): number {
    const steady = this.#steady;
    if (steady !== undefined && timeMs >= steady.fromMs && timeMs <= steady.toMs) return steady.offsetMs;
    return this.#zone.offset(timeMs) * MINUTE_MS;
  }
}

/** Monday is 0. */
export function weekdayOf(day: DayNumber): number {
  // 1970-01-01 was a Thursday.
  return (((day + 3) % 7) + 7) % 7;
}

/** Reads `2026-03-29`; undefined for a day that does not exist. */
export function parseDay(text: string): DayNumber | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  const real = !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
  return real ? ms / DAY_MS : undefined;
}

/** Reads `08:30` or `24:00` as minutes from midnight; undefined when it is none. */
export function parseMinute(text: string): number | undefined {
  const [, hours, minutes] = /^(\d{2}):(\d{2})$/.exec(text) ?? [];
  if (hours === undefined || minutes === undefined || Number(minutes) > 59) return undefined;
  const minute = Number(hours) * 60 + Number(minutes);
  return minute <= 1440 ? minute : undefined;
}
