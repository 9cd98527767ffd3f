import type { Pause } from '../pauses.ts';

/** A place in a recording from which it can be shown without what was before it. */
export interface Keyframe {
  /** Time of the first event behind it, in seconds from the start; 0 for the first keyframe. */
  readonly startS: number;
  /** Position in the asciicast file of that event's line. */
  readonly offsetBytes: number;
  readonly cols: number;
  readonly rows: number;
  /** What brings a new terminal of this size to what was on the screen. */
  readonly screen: string;
}

/** Lines that were on the screen, each with the time in seconds at which it was seen first. */
export interface TextChunk {
  readonly startS: number;
  readonly lines: readonly (readonly [timeS: number, text: string])[];
}

/** What the index has of a recording from one keyframe to the next. */
export interface IndexSegment {
  readonly keyframe: Keyframe;
  /** Position in the asciicast file up to which it reaches. */
  readonly endBytes: number;
  /** Time of its last event. */
  readonly endS: number;
  readonly chunks: readonly TextChunk[];
  readonly markers: readonly (readonly [timeS: number, label: string])[];
  /** Times of more than `SHORTEST_PAUSE_S` without output, the last one up to the next segment. */
  readonly pauses: readonly Pause[];
  /** Commands that were typed, as far as the screen shows them: an aid, no evidence. */
  readonly commands: readonly (readonly [timeS: number, text: string])[];
  /** What to go on with behind it; absent when the recording ends here. */
  readonly next?: Keyframe;
}

/** Where to begin, and how far to go. */
export interface IndexRange {
  /** The keyframe that the segment before has given as its `next`; from the start of the recording without it. */
  readonly from?: Keyframe;
  /** Whole lines up to here are read. */
  readonly endBytes: number;
}
