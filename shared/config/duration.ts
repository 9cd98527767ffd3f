import { DrawbridgeError } from '../errors.ts';

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Ten years: beyond it, a duration is a slip of the pen. */
const LONGEST_MS = 3_650 * 86_400_000;
const LONGEST_TEXT = 40;

/**
 * Reads a duration as people write it: `8h`, `30s`, `500ms`, `7d`, `1h30m`, `1.5h`.
 * @returns milliseconds, a whole number of them
 * @throws `usage.duration`
 */
export function parseDurationMs(text: string): number {
  const parts = text.length > LONGEST_TEXT ? [] : [...text.trim().matchAll(/(\d+(?:\.\d+)?) ?(ms|[smhd])/gy)];
  const length = parts.reduce((sum, part) => sum + part[0].length, 0);
  if (parts.length === 0 || length !== text.trim().length || !areDescending(parts.map((part) => part[2]))) {
    throw notADuration();
  }
  const totalMs = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * unitMs(unit), 0);
  if (totalMs > LONGEST_MS) {
    throw new DrawbridgeError('usage.duration', 'This duration is longer than ten years.');
  }
  return Math.round(totalMs);
}

/** Largest unit first and each once: `1h30m`, so that `30m1h` or `1m1m` is noticed as a slip. */
function areDescending(units: readonly (string | undefined)[]): boolean {
  return units.every((unit, index) => index === 0 || unitMs(unit) < unitMs(units[index - 1]));
}

function unitMs(unit: string | undefined): number {
  const ms = unit === undefined ? undefined : UNITS_MS[unit];
  if (ms === undefined) throw notADuration();
  return ms;
}

function notADuration(): DrawbridgeError {
  return new DrawbridgeError('usage.duration', 'This is not a duration.', {
    hint: "Write a number and a unit: '30s', '15m', '8h', '7d' or '1h30m'.",
  });
}
