const SHORT = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const SHORT_WITH_YEAR = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});
const EXACT = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'long',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  timeZoneName: 'short',
  hourCycle: 'h23',
});

/** `iso` in the zone of whoever reads it. `short` leaves out the year when it is this one. */
export function localTime(iso: string, style: 'short' | 'exact'): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  if (style === 'exact') return EXACT.format(date);
  return (date.getFullYear() === new Date().getFullYear() ? SHORT : SHORT_WITH_YEAR).format(date);
}

/** `12 s`, `4 min 05 s`, `2 h 10 min`, `3 d 4 h`. */
export function durationWords(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `15 minutes`, `1 hour`, `2 hours`: a length that somebody chose. */
export function lengthWords(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes > 0 && minutes % 1_440 === 0) return countWords(minutes / 1_440, 'day');
  if (minutes > 0 && minutes % 60 === 0) return countWords(minutes / 60, 'hour');
  return minutes < 1 || minutes > 60 ? durationWords(ms) : countWords(minutes, 'minute');
}

/** `just now`, `4 min ago`, `in 2 h 10 min`. Clocks differ: a few seconds ahead still count as now. */
export function relativeWords(atMs: number, nowMs: number): string {
  const distance = Math.abs(atMs - nowMs);
  if (distance < 10_000) return atMs > nowMs + 5_000 ? 'in a moment' : 'just now';
  const rounded =
    distance < 3_600_000 && distance >= 60_000
      ? `${Math.floor(distance / 60_000)} min`
      : durationWords(distance);
  return atMs > nowMs ? `in ${rounded}` : `${rounded} ago`;
}

/** `0:04`, `1:02:07`: a place in a recording. */
export function clockWords(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const [hours = 0, minutes = 0, rest = 0] = parts;
  const tail = `${String(rest).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** `812 B`, `1.4 MB` (powers of 1000, as disks are sold). */
export function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = -1;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** `1 session`, `3 sessions`. */
export function countWords(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

/** `alice`, `alice and bob`, `alice, bob and 3 more`. */
export function listWords(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** `admin:carol` as `carol`, `local:root` as `root, on the machine`. */
export function actorWords(actor: string): string {
  const [kind, name] = actor.split(/:(.*)/s);
  if (name === undefined || name === '') return actor === 'system' ? 'the bastion itself' : actor;
  if (kind === 'local') return `${name}, on the machine`;
  if (kind === 'token') return `API token ${name}`;
  return name;
}
