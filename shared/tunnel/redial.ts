/** Bounds of the wait before a redial to a peer that can be reached and does not take the dial. */
export const MIN_REDIAL_MS = 500;
export const MAX_REDIAL_MS = 15_000;

/** A tunnel that lived this long was a good one: it is redialled at once, within {@link SPREAD_MS}. */
export const GOOD_TUNNEL_MS = 10_000;

/** Over how long the first tunnels of all who lost the same peer are spread once it can be reached. */
export const SPREAD_MS = 400;

/** Over how much longer each further tunnel of an uplink is spread: the first one carries everything till then. */
export const FURTHER_SPREAD_MS = 2_000;

/**
 * How long to wait before a dial to an address that can be reached.
 *
 * Without `failures` that is a spread, short enough for the first tunnel to be up within a second of the network being
 * back. After failures (dials that got through and were refused, and tunnels that broke at once) it is full jitter over
 * a bound that doubles from {@link MIN_REDIAL_MS} to {@link MAX_REDIAL_MS}.
 * @param index which of the uplink's tunnels, from 0
 */
export function redialDelayMs(failures: number, index: number, random: () => number = Math.random): number {
  if (failures === 0) return random() * (SPREAD_MS + index * FURTHER_SPREAD_MS);
  return random() * Math.min(MAX_REDIAL_MS, MIN_REDIAL_MS * 2 ** (failures - 1));
}
