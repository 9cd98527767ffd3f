import { type Pause, SHORTEST_PAUSE_S, type Timeline, timelineOf } from '../../../../recordings/pauses.ts';

const ROUNDING = 1e6;

const TIMED_LINE = /^\[\s*(\d+(?:\.\d+)?(?:e-?\d+)?)\s*,/i;

/**
 * A cast in which no pause is longer than `limitS`. The player can do that, too, but then its clock, its markers and
 * its start go by different times, and a link to a moment would lead elsewhere once pauses are shown again.
 */
export function withoutPauses(
  cast: string,
  limitS: number | undefined,
): { readonly cast: string; readonly timeline: Timeline } {
  const [header = '', ...lines] = cast.split('\n');
  const pauses: Pause[] = [];
  let lastS = 0;
  for (const line of lines) {
    const timed = TIMED_LINE.exec(line);
    if (timed === null) continue;
    const atS = Number(timed[1]);
    if (atS - lastS > (limitS ?? SHORTEST_PAUSE_S)) pauses.push([lastS, atS]);
    lastS = Math.max(lastS, atS);
  }
  const timeline = timelineOf(lastS, pauses, limitS);
  if (limitS === undefined) return { cast, timeline };
  const shortened = lines.map((line) => {
    const timed = TIMED_LINE.exec(line);
    if (timed === null) return line;
    const playedS = timeline.toPlayed(Number(timed[1]));
    return `[${Math.round(playedS * ROUNDING) / ROUNDING},${line.slice(timed[0].length)}`;
  });
  return { cast: [header, ...shortened].join('\n'), timeline };
}
