import { DrawbridgeError } from '../shared/errors.ts';
import { LineSplitter } from './cast-lines.ts';
import {
  type CastEvent,
  type CastHeaderLine,
  EVENT_CODE,
  parseEventLine,
  parseHeaderLine,
} from './format.ts';
import type { Keyframe } from './indexing/index-format.ts';
import type { LiveLine } from './live-viewers.ts';
import type { Recorder } from './recorder.ts';
import { openCast } from './stored-cast.ts';

/** A piece of a live recording: its lines as they are written, then `end`. */
export type LiveRecordingEvent = CastHeaderLine | CastEvent | { readonly kind: 'end' };

/** A viewer reads at most so much at once. */
const READ_BYTES = 64 * 1024;

/**
 * A viewer who is so far behind, because they have just come or are slow, is shown the screen of a keyframe and what
 * follows it, rather than everything that was before.
 */
export const SKIP_BEHIND_BYTES = 1024 * 1024;

/** The last keyframe at or before a position in the recording; undefined when there is none so far. */
export type KeyframeAt = (offsetBytes: number) => Promise<Keyframe | undefined>;

/**
 * The recording that `recorder` writes to `path`: from its start, then as it grows, to its end.
 *
 * Each viewer reads the file itself, from where it stands to where the recorder is, so that nothing is lost or seen
 * twice, and no queue can fill up: a slow viewer falls behind by a number, and never slows the session. One who is more
 * than {@link SKIP_BEHIND_BYTES} behind goes on from the newest keyframe that `keyframeAt` has ahead of them: they get
 * its size as a resize, its screen as output, and all events behind it. Stop it with `signal` (it then ends without an
 * `end`) or by leaving the loop.
 *
 * Without a recorder it is the file as it stands.
 * @throws `recording.too_many_viewers`, `recording.malformed`, `recording.encrypted`
 */
export async function* liveRecording(
  path: string,
  recorder?: Recorder,
  signal?: AbortSignal,
  keyframeAt?: KeyframeAt,
): AsyncGenerator<LiveRecordingEvent> {
  const cast = await (recorder?.open() ?? openCast(path));
  let progress: LiveLine = { sizeBytes: cast.sizeBytes, ended: recorder === undefined };
  let wake = () => {};
  let stop: (() => void) | undefined;
  const onAbort = () => wake();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    stop = recorder?.subscribe((line) => {
      progress = line;
      wake();
    });
    if (recorder !== undefined) progress = { ...progress, sizeBytes: recorder.contentBytes };
    let splitter = new LineSplitter();
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    let headerSeen = false;
    let position = 0;
    const skips = new Skips(keyframeAt);
    while (signal?.aborted !== true) {
      if (position >= progress.sizeBytes) {
        if (progress.ended) {
          yield { kind: 'end' };
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const keyframe = headerSeen ? await skips.from(position, progress.sizeBytes) : undefined;
      if (keyframe !== undefined) {
        position = keyframe.offsetBytes;
        splitter = new LineSplitter();
        yield* screenOf(keyframe);
        continue;
      }
      const want = Math.min(buffer.length, progress.sizeBytes - position);
      const bytes = await cast.read(buffer.subarray(0, want), position);
      if (bytes === 0) throw malformed();
      position += bytes;
      for (const line of splitter.split(buffer.subarray(0, bytes))) {
        yield parseLine(line, headerSeen);
        if (headerSeen) continue;
        // What is behind the header may be skipped: it is read when that is decided.
        headerSeen = true;
        position = Buffer.byteLength(line) + 1;
        splitter = new LineSplitter();
        break;
      }
    }
  } finally {
    stop?.();
    signal?.removeEventListener('abort', onAbort);
    await cast.close();
  }
}

/** When a viewer goes on from a keyframe. */
class Skips {
  readonly #keyframeAt: KeyframeAt | undefined;
  #askAgainBytes = 0;

  constructor(keyframeAt: KeyframeAt | undefined) {
    this.#keyframeAt = keyframeAt;
  }

  /** A keyframe ahead of a viewer who is far behind. */
  async from(position: number, sizeBytes: number): Promise<Keyframe | undefined> {
    const isFarBehind = sizeBytes - position > SKIP_BEHIND_BYTES;
    if (this.#keyframeAt === undefined || !isFarBehind || position < this.#askAgainBytes) return undefined;
    const found = await this.#keyframeAt(sizeBytes);
    const ahead = found !== undefined && found.offsetBytes > position ? found : undefined;
    // Not with every piece: what lies behind the newest keyframe has to be read anyhow.
    this.#askAgainBytes = (ahead?.offsetBytes ?? position) + SKIP_BEHIND_BYTES;
    return ahead;
  }
}

function parseLine(line: string, headerSeen: boolean): CastHeaderLine | CastEvent {
  const item = headerSeen ? parseEventLine(line) : parseHeaderLine(line);
  if (item === undefined) throw malformed();
  return item;
}

/** What brings a viewer's terminal to what was on the operator's. */
function* screenOf({ startS, cols, rows, screen }: Keyframe): Generator<CastEvent> {
  yield { kind: 'event', time: startS, code: EVENT_CODE.resize, data: `${cols}x${rows}` };
  yield { kind: 'event', time: startS, code: EVENT_CODE.output, data: screen };
}

function malformed(): DrawbridgeError {
  return new DrawbridgeError('recording.malformed', 'The recording changed while it was watched.');
}
