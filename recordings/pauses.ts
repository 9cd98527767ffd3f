/** A time in which nothing was shown. Seconds. */
export type Pause = readonly [fromS: number, toS: number];

/** Where a moment of the recording is in what is played, and the other way round. Seconds. */
export interface Timeline {
  toPlayed(recordedS: number): number;
  toRecorded(playedS: number): number;
  /** Length of what is played. */
  readonly durationS: number;
}

/** Shorter ones are left as they are, so nobody needs to know of them. */
export const SHORTEST_PAUSE_S = 1;

/**
 * The times of a recording of `durationS` in which no pause is longer than `limitS`; as they were without a limit.
 * `pauses` in order, not overlapping.
 */
export function timelineOf(
  durationS: number,
  pauses: Iterable<Pause> = [],
  limitS = Number.POSITIVE_INFINITY,
): Timeline {
  const recorded: number[] = [0];
  const played: number[] = [0];
  const goTo = (atS: number, byS: number): void => {
    recorded.push(atS);
    played.push((played.at(-1) ?? 0) + byS);
  };
  for (const [fromS, toS] of pauses) {
    if (toS - fromS <= limitS) continue;
    goTo(fromS, fromS - (recorded.at(-1) ?? 0));
    goTo(toS, limitS);
  }
  goTo(Math.max(durationS, recorded.at(-1) ?? 0), Math.max(0, durationS - (recorded.at(-1) ?? 0)));
  return {
    toPlayed: (recordedS) => translate(recordedS, recorded, played),
    toRecorded: (playedS) => translate(playedS, played, recorded),
    durationS: played.at(-1) ?? 0,
  };
}

/** Finds the last known time that is not greater and goes on from it, as far as the next one. */
function translate(at: number, from: readonly number[], to: readonly number[]): number {
  let low = 0;
  let high = from.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((from[middle] ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  const start = to[low] ?? 0;
  return Math.min(start + Math.max(0, at - (from[low] ?? 0)), to[low + 1] ?? start);
}
