import type { SegmentPlace } from './search-store.ts';

/** One segment as the player is told of it: one or more of the index. */
export interface PlayableSegment {
  /** That of the first of the index in it. */
  readonly number: number;
  /** By the times that are played. Seconds. */
  readonly startS: number;
  /** Where the last one of the index in it ends in the file. */
  readonly endBytes: number;
}

/**
 * The segments of the index as the player takes them: each begins behind the last event of the one before, and before the
 * end of the recording. The index cuts by size as well as by time, so that a flood may have several in one moment, and
 * the very last event may be alone in one. These are played with the one before.
 *
 * @param segments in order; without those in which nothing happens
 * @param toPlayed where a moment of the recording is in what is played; never decreasing
 */
export function playableSegments(
  segments: Iterable<SegmentPlace>,
  durationS: number,
  toPlayed: (recordedS: number) => number,
): PlayableSegment[] {
  const playable: PlayableSegment[] = [];
  const durationPlayedS = toPlayed(durationS);
  let endS = 0;
  for (const segment of segments) {
    const { number, endBytes } = segment;
    const before = playable.at(-1);
    const startS = before === undefined ? 0 : toPlayed(segment.startS);
    if (before === undefined || (startS > endS && startS < durationPlayedS))
      playable.push({ number, startS, endBytes });
    else playable[playable.length - 1] = { ...before, endBytes };
    endS = Math.max(endS, toPlayed(segment.endS));
  }
  return playable;
}
