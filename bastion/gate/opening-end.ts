import { DrawbridgeError } from '../../shared/errors.ts';
import { isZone, parseDay, parseMinute, ZoneCalendar } from '../policy/zone-time.ts';

const FORM = /^(?:(?<day>\d{4}-\d{2}-\d{2})[ T])?(?<time>\d{2}:\d{2})(?: (?<zone>[A-Za-z0-9_+/-]{1,64}))?$/;

/**
 * Reads until when access is to be on: `18:00` (the next time that the clock shows it), `2026-03-29 18:00`, both with a
 * time zone behind them if another than `zone` is meant (`18:00 Europe/Berlin`), or ISO 8601 with an offset.
 * @returns milliseconds since the epoch
 * @throws `usage.until`
 */
export function parseOpeningEnd(
  text: string,
  now: { readonly nowMs: number; readonly zone: string },
): number {
  if (/^\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})$/.test(text)) {
    const timeMs = Date.parse(text);
    if (!Number.isNaN(timeMs)) return inFuture(timeMs, now.nowMs);
  }
  const { day, time = '', zone = now.zone } = FORM.exec(text.trim())?.groups ?? {};
  const minute = parseMinute(time);
  if (minute === undefined || !isZone(zone)) throw notATime();
  const calendar = new ZoneCalendar(zone, now.nowMs);
  if (day !== undefined) {
    const number = parseDay(day);
    if (number === undefined) throw notATime();
    return inFuture(calendar.firstMomentOf(number, minute), now.nowMs);
  }
  const today = calendar.dayAt(now.nowMs);
  const todayMs = calendar.firstMomentOf(today, minute);
  return todayMs > now.nowMs ? todayMs : calendar.firstMomentOf(today + 1, minute);
}

function inFuture(timeMs: number, nowMs: number): number {
  if (timeMs > nowMs) return timeMs;
  throw new DrawbridgeError('usage.until', 'This time is over already.');
}

function notATime(): DrawbridgeError {
  return new DrawbridgeError('usage.until', 'This is not a time.', {
    hint: "Write it like '18:00', '2026-03-29 18:00', '18:00 Europe/Berlin' or 2026-03-29T18:00:00+02:00.",
  });
}
