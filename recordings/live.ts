import { open } from 'node:fs/promises';
import { DrawbridgeError } from '../shared/errors.ts';
import { LineSplitter } from './cast-lines.ts';
import { type CastEvent, type CastHeaderLine, parseEventLine, parseHeaderLine } from './format.ts';
import type { LiveLine, Recorder } from './recorder.ts';

/** A piece of a live recording: its lines as they are written, then `end`. */
export type LiveRecordingEvent = CastHeaderLine | CastEvent | { readonly kind: 'end' };

/** A viewer reads at most so much at once. */
const READ_BYTES = 64 * 1024;

/**
 * The recording that `recorder` writes to `path`: from its start, then as it grows, to its end.
 *
 * Each viewer reads the file itself, from where it stands to where the recorder is, so that nothing is lost or seen
 * twice, and no queue can fill up: a slow viewer falls behind by a number, and never slows the session. Stop it with
 * `signal` (it then ends without an `end`) or by leaving the loop.
 *
 * Without a recorder it is the file as it stands.
 * @throws `recording.too_many_viewers`, `recording.malformed`
 */
export async function* liveRecording(
  path: string,
  recorder?: Recorder,
  signal?: AbortSignal,
): AsyncGenerator<LiveRecordingEvent> {
  const file = await open(path, 'r');
  let progress: LiveLine = { sizeBytes: (await file.stat()).size, ended: recorder === undefined };
  let wake = () => {};
  let stop: (() => void) | undefined;
  const onAbort = () => wake();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    stop = recorder?.subscribe((line) => {
      progress = line;
      wake();
    });
    if (recorder !== undefined) progress = { ...progress, sizeBytes: recorder.sizeBytes };
    const splitter = new LineSplitter();
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    let headerSeen = false;
    let position = 0;
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
      const want = Math.min(buffer.length, progress.sizeBytes - position);
      const { bytesRead } = await file.read(buffer, 0, want, position);
      if (bytesRead === 0) throw malformed();
      position += bytesRead;
      for (const line of splitter.split(buffer.subarray(0, bytesRead))) {
        const item = headerSeen ? parseEventLine(line) : parseHeaderLine(line);
        if (item === undefined) throw malformed();
        headerSeen = true;
        yield item;
      }
    }
  } finally {
    stop?.();
    signal?.removeEventListener('abort', onAbort);
    await file.close();
  }
}

function malformed(): DrawbridgeError {
  return new DrawbridgeError('recording.malformed', 'The recording changed while it was watched.');
}
