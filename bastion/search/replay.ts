import { readLineBytes } from '../../recordings/cast-lines.ts';
import { displayOf, readCastHeader } from '../../recordings/cast-reader.ts';
import { EVENT_CODE, isBytesEvent, parseEventLine } from '../../recordings/format.ts';
import type { Keyframe } from '../../recordings/indexing/index-format.ts';
import { type Pause, timelineOf } from '../../recordings/pauses.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type PlayableSegment, playableSegments } from './playable-segments.ts';
import type { IndexedRecording, SearchStore, SegmentPlace } from './search-store.ts';

/** Codes that a player draws. */
const DRAWN = new Set<string>([EVENT_CODE.output, EVENT_CODE.resize]);

/** A recording as asciinema-player's segmented source wants it. Times in seconds. */
export interface ReplayIndex {
  readonly version: 1;
  readonly duration: number;
  readonly term: { readonly cols: number; readonly rows: number };
  readonly segments: readonly { readonly start: number; readonly number: number }[];
  readonly markers: readonly (readonly [number, string])[];
  /** Times without output, as they were recorded. */
  readonly pauses: readonly Pause[];
}

/** One segment of it: a screen to begin with, and the events up to the next. */
export interface ReplaySegment {
  readonly snapshot: { readonly cols: number; readonly rows: number; readonly init: string };
  readonly events: readonly (readonly [number, string, string])[];
}

/**
 * Where to seek in a recording, by times in which no pause is longer than `pauseLimitS`.
 * @throws `recording.not_indexed` when it has not been read yet, or can't be: play the whole file then
 */
export async function replayIndex(
  store: SearchStore,
  session: string,
  channel: number,
  pauseLimitS?: number,
): Promise<ReplayIndex> {
  const indexed = await store.find(session, channel);
  if (indexed === undefined || indexed.state !== 'done') throw notIndexed();
  const first = await store.keyframe(indexed, { number: 0 });
  const pauses = await store.pauses(indexed);
  const { toPlayed } = timelineOf(indexed.durationS, pauses, pauseLimitS);
  const segments = await segmentsOf(store, indexed, toPlayed);
  if (first === undefined || segments.length === 0) throw notIndexed();
  return {
    version: 1,
    duration: toPlayed(indexed.durationS),
    term: { cols: first.cols, rows: first.rows },
    segments: segments.map(({ number, startS }) => ({ start: startS, number })),
    markers: (await store.markers(indexed)).map(([atS, label]) => [toPlayed(atS), label]),
    pauses,
  };
}

/** Reads one segment from the recording at `path`, by the times that `replayIndex` has with the same limit. @throws `recording.not_indexed`, `recording.malformed` */
export async function replaySegment(
  store: SearchStore,
  recording: { readonly session: string; readonly channel: number; readonly path: string },
  number: number,
  pauseLimitS?: number,
): Promise<ReplaySegment> {
  const indexed = await store.find(recording.session, recording.channel);
  const keyframe = indexed === undefined ? undefined : await store.keyframe(indexed, { number });
  if (indexed === undefined || keyframe === undefined || keyframe.number !== number) throw notIndexed();
  const { toPlayed } = timelineOf(
    indexed.durationS,
    pauseLimitS === undefined ? [] : await store.pauses(indexed),
    pauseLimitS,
  );
  const segments = await segmentsOf(store, indexed, toPlayed);
  const segment = segments.find((one) => one.number === number);
  if (segment === undefined) throw notIndexed();
  const display = displayOf(await readCastHeader(recording.path));
  const events: [number, string, string][] = [];
  // The player wants something at the very start of each segment, and at the very end of the recording.
  events.push([segment.startS, EVENT_CODE.output, '']);
  const range = { startBytes: keyframe.offsetBytes, endBytes: segment.endBytes };
  for await (const lines of readLineBytes(recording.path, undefined, range)) {
    for (const line of lines) {
      if (isBytesEvent(line)) continue;
      const event = parseEventLine(line.toString('utf8'));
      if (event === undefined || !DRAWN.has(event.code)) continue;
      events.push([toPlayed(event.time), event.code, display(event).data]);
    }
  }
  if (segment === segments.at(-1)) events.push([toPlayed(indexed.durationS), EVENT_CODE.output, '']);
  const { cols, rows, screen } = keyframe;
  return { snapshot: { cols, rows, init: screen }, events };
}

/**
 * The last keyframe at or before a position in a recording, for those who join one that goes on: show its screen, then
 * the events from its offset on. Undefined when the recording has not been read so far.
 */
export async function keyframeAt(
  store: SearchStore,
  recording: { readonly session: string; readonly channel: number },
  offsetBytes: number,
): Promise<Keyframe | undefined> {
  const indexed = await store.find(recording.session, recording.channel);
  return indexed === undefined ? undefined : store.keyframe(indexed, { beforeBytes: offsetBytes });
}

async function segmentsOf(
  store: SearchStore,
  indexed: IndexedRecording,
  toPlayed: (recordedS: number) => number,
): Promise<PlayableSegment[]> {
  return playableSegments((await store.segments(indexed)).filter(hasEvents), indexed.durationS, toPlayed);
}

function hasEvents(segment: SegmentPlace): boolean {
  return segment.endBytes > segment.offsetBytes;
}

function notIndexed(): DrawbridgeError {
  return new DrawbridgeError('recording.not_indexed', 'The recording has not been indexed yet.', {
    hint: 'It can be played as a whole meanwhile; the index follows by itself.',
  });
}
