/** Bounds of the wait before a redial. */
export const MIN_REDIAL_MS = 500;
export const MAX_REDIAL_MS = 15_000;

/** A tunnel that lived this long was a good one: the next failure starts from the quick tries again. */
export const GOOD_TUNNEL_MS = 10_000;

/**
 * How long to wait before try number `failures` (1 for the first after a failure): full jitter over a bound that
 * doubles from {@link MIN_REDIAL_MS} to {@link MAX_REDIAL_MS}, so that a thousand bastions that lost the same proxy
 * come back spread out, the first of them at once.
 */
export function redialDelayMs(failures: number, random: () => number = Math.random): number {
  const bound = Math.min(MAX_REDIAL_MS, MIN_REDIAL_MS * 2 ** Math.max(0, failures - 1));
  return random() * bound;
}
