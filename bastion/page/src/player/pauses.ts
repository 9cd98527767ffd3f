/** Where a moment of the recording is in what is played, and the other way round. Seconds. */
export interface Timeline {
  toPlayed(recordedS: number): number;
  toRecorded(playedS: number): number;
  /** Length of what is played. */
  readonly durationS: number;
}

const ROUNDING = 1e6;

/**
 * A cast in which no pause is longer than `limitS`. The player can do that, too, but then its clock, its markers and
 * its start go by different times, and a link to a moment would lead elsewhere once pauses are shown again.
 */
export function withoutPauses(
  cast: string,
  limitS: number | undefined,
): { readonly cast: string; readonly timeline: Timeline } {
  const [header = '', ...lines] = cast.split('\n');
  const recorded: number[] = [0];
  const played: number[] = [0];
  const shortened = lines.map((line) => {
    const timed = /^\[\s*(\d+(?:\.\d+)?(?:e-?\d+)?)\s*,/i.exec(line);
    if (timed === null) return line;
    const at = Number(timed[1]);
    const before = recorded.at(-1) ?? 0;
    const pause = Math.max(0, at - before);
    const next = (played.at(-1) ?? 0) + (limitS === undefined ? pause : Math.min(pause, limitS));
    recorded.push(Math.max(before, at));
    played.push(next);
    return `[${Math.round(next * ROUNDING) / ROUNDING},${line.slice(timed[0].length)}`;
  });
  const timeline: Timeline = {
    toPlayed: (recordedS) => translate(recordedS, recorded, played),
    toRecorded: (playedS) => translate(playedS, played, recorded),
    durationS: played.at(-1) ?? 0,
  };
  return { cast: [header, ...shortened].join('\n'), timeline };
}

/** Times as they are, for a recording that is loaded piece by piece. */
export function asRecorded(durationS: number): Timeline {
  return { toPlayed: (at) => at, toRecorded: (at) => at, durationS };
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
