import type { Source } from 'asciinema-player';
import { useEffect, useState } from 'preact/hooks';
import type { AuditEntry, Recording } from '../../../web/api.ts';
import { type ApiClient, withQuery } from '../data/api-client.ts';
import { withBase } from '../data/base-path.ts';
import { usePage } from '../data/context.ts';
import { useLocation } from '../router.tsx';
import { clockWords, sizeWords } from '../ui/format.ts';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { EncryptedReplay } from './encrypted-replay.tsx';
import { castForPlayer } from './line-ends.ts';
import { Poster } from './poster.tsx';
import { ReplayPlayer, type ReplaySubject } from './replay-player.tsx';

interface ReplayProps {
  readonly sessionId: string;
  readonly recording: Recording;
  readonly events: readonly AuditEntry[];
  readonly hits: readonly number[];
}

/** One recording of a session. */
export function Replay({ sessionId, recording, events, hits }: ReplayProps) {
  const { query } = useLocation();
  const startAtS = Number(query.get('t') ?? 0) || 0;
  const [wanted, setOpen] = useState(false);
  const open = wanted || query.has('t');
  const file = withQuery(`/api/sessions/${encodeURIComponent(sessionId)}/recording`, {
    channel: recording.channel,
  });
  if (open) {
    const subject = { file, recording, events, hits, startAtS };
    if (recording.encrypted === true) return <EncryptedReplay {...subject} />;
    return <PlainReplay {...subject} sessionId={sessionId} />;
  }
  const length = recording.durationMs === undefined ? '' : `${clockWords(recording.durationMs / 1000)}, `;
  return (
    <Poster action="Replay" onOpen={() => setOpen(true)}>
      {length}
      {sizeWords(recording.sizeBytes)}. That you looked at it goes into the audit log.
    </Poster>
  );
}

function PlainReplay({ sessionId, ...subject }: ReplaySubject & { readonly sessionId: string }) {
  const { api } = usePage();
  const { file, recording } = subject;
  const { channel, sizeBytes } = recording;
  const [loaded, setLoaded] = useState<Source | Error | undefined>(undefined);
  useEffect(() => {
    const controller = new AbortController();
    loadReplay(api, { file, sessionId, channel, sizeBytes }, controller.signal).then(
      setLoaded,
      (error: Error) => {
        if (!controller.signal.aborted) setLoaded(error);
      },
    );
    return () => controller.abort();
  }, [api, file, sessionId, channel, sizeBytes]);
  if (loaded instanceof Error) return <ErrorNote error={loaded} />;
  if (loaded === undefined) return <Loading rows={3} />;
  return <ReplayPlayer {...subject} source={loaded} />;
}

/** What is larger is loaded piece by piece, as it is looked at. */
const WHOLE_FILE_LIMIT_BYTES = 8 * 1024 * 1024;

/** The recording as the player takes it: the whole file, or for a large one that has been indexed, its segments. */
async function loadReplay(
  api: ApiClient,
  of: {
    readonly file: string;
    readonly sessionId: string;
    readonly channel: number;
    readonly sizeBytes: number;
  },
  signal: AbortSignal,
): Promise<Source> {
  if (of.sizeBytes > WHOLE_FILE_LIMIT_BYTES) {
    const session = encodeURIComponent(of.sessionId);
    const url = withQuery(`/api/sessions/${session}/recording/index`, { channel: of.channel });
    const isIndexed = await api.text(url, signal).then(
      () => true,
      () => false,
    );
    // The player's types do not know its segmented source yet.
    if (isIndexed) return { url: withBase(url), format: 'segmented' } as Source;
  }
  return { data: castForPlayer(await api.text(of.file, signal)), parser: 'asciicast' };
}
