import { useEffect, useState } from 'preact/hooks';
import type { AuditEntry, Recording } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { usePage } from '../data/context.ts';
import { useLocation } from '../router.tsx';
import { clockWords, sizeWords } from '../ui/format.ts';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { EncryptedReplay } from './encrypted-replay.tsx';
import { Poster } from './poster.tsx';
import { ReplayPlayer, type ReplaySubject } from './replay-player.tsx';
import { loadReplay, type ReplaySource } from './replay-source.ts';

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
  const [loaded, setLoaded] = useState<{ readonly source: ReplaySource } | Error | undefined>(undefined);
  useEffect(() => {
    const controller = new AbortController();
    loadReplay(api, { file, sessionId, channel, sizeBytes }, controller.signal).then(
      (source) => setLoaded({ source }),
      (error: Error) => {
        if (!controller.signal.aborted) setLoaded(error);
      },
    );
    return () => controller.abort();
  }, [api, file, sessionId, channel, sizeBytes]);
  if (loaded instanceof Error) return <ErrorNote error={loaded} />;
  if (loaded === undefined) return <Loading rows={3} />;
  return <ReplayPlayer {...subject} source={loaded.source} />;
}
