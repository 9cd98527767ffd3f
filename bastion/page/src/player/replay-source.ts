import type { Source } from 'asciinema-player';
import { type Timeline, timelineOf } from '../../../../recordings/pauses.ts';
import type { ReplayIndex } from '../../../web/api.ts';
import { type ApiClient, withQuery } from '../data/api-client.ts';
import { withBase } from '../data/base-path.ts';
import { castForPlayer } from './line-ends.ts';
import { withoutPauses } from './pauses.ts';

/** A recording as the player takes it, and the times by which it goes. */
export interface Played {
  readonly source: Source;
  readonly timeline: Timeline;
}

/** Gives a recording as it was, or with pauses cut to so many seconds. */
export type ReplaySource = (pauseLimitS: number | undefined) => Played;

/** Which recording, and how large it is. */
export interface ReplayPlace {
  readonly sessionId: string;
  readonly channel: number;
  readonly sizeBytes: number;
  /** Address of the whole file. */
  readonly file: string;
}

/** What is larger is loaded piece by piece, as it is looked at. */
const WHOLE_FILE_LIMIT_BYTES = 8 * 1024 * 1024;

/** The whole file, or for a large one that has been indexed, its segments. */
export async function loadReplay(
  api: ApiClient,
  { sessionId, channel, sizeBytes, file }: ReplayPlace,
  signal: AbortSignal,
): Promise<ReplaySource> {
  if (sizeBytes > WHOLE_FILE_LIMIT_BYTES) {
    const path = `/api/sessions/${encodeURIComponent(sessionId)}/recording/index`;
    const index = await api.get<ReplayIndex>(withQuery(path, { channel }), { signal }).catch(() => undefined);
    signal.throwIfAborted();
    if (index !== undefined) return segmented(path, channel, index);
  }
  return wholeCast(castForPlayer(await api.text(file, signal)));
}

/** A recording of which the page has all. */
export function wholeCast(text: string): ReplaySource {
  return (pauseLimitS) => {
    const { cast, timeline } = withoutPauses(text, pauseLimitS);
    return { source: { data: cast, parser: 'asciicast' }, timeline };
  };
}

function segmented(path: string, channel: number, { duration, pauses }: ReplayIndex): ReplaySource {
  return (pauseLimitS) => {
    const url = withBase(withQuery(path, { channel, pauseLimit: pauseLimitS }));
    // The player's types do not know its segmented source yet.
    return {
      source: { url, format: 'segmented' } as Source,
      timeline: timelineOf(duration, pauses, pauseLimitS),
    };
  };
}
