import { useEffect, useState } from 'preact/hooks';
import type { AuditEntry, InSessionResult, Recording } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { usePage } from '../data/context.ts';
import { momentsOf } from '../player/moments.ts';
import { useLocation } from '../router.tsx';
import { ErrorNote } from '../ui/notes.tsx';
import { TypedField } from '../ui/typed-field.tsx';
import { Places } from './places-in.tsx';
import { TypedCommands } from './typed-commands.tsx';

interface PanelProps {
  readonly sessionId: string;
  readonly recording: Recording;
  readonly events: readonly AuditEntry[];
  /** Seconds at which the search has found something. */
  readonly onHits: (seconds: readonly number[]) => void;
}

/** What is where in a recording: commands, files and forwards, and the lines that a search finds. Each one jumps. */
export function RecordingPanel({ sessionId, recording, events, onHits }: PanelProps) {
  const { query, path, go } = useLocation();
  const text = query.get('find') ?? '';
  const find = (value: string) => {
    const next = new URLSearchParams(query);
    if (value === '') next.delete('find');
    else next.set('find', value);
    go(`${path}${next.size === 0 ? '' : `?${next}`}`, { replace: true });
  };
  return (
    <aside class="card recording-panel" aria-label="In this recording">
      <h2>In this recording</h2>
      {recording.encrypted !== true && (
        <TypedField
          label="Find in this recording"
          look="search"
          placeholder="Words on the screen…"
          value={text}
          onChange={find}
        />
      )}
      {text === '' ? (
        <>
          <Moments recording={recording} events={events} onHits={onHits} />
          {recording.encrypted !== true && recording.kind !== 'subsystem' && (
            <TypedCommands key={recording.channel} sessionId={sessionId} channel={recording.channel} />
          )}
        </>
      ) : (
        <Hits sessionId={sessionId} recording={recording} text={text} onHits={onHits} />
      )}
    </aside>
  );
}

function Moments({ recording, events, onHits }: Omit<PanelProps, 'sessionId'>) {
  useEffect(() => onHits([]), [onHits]);
  const moments = momentsOf(events, recording);
  if (moments.length === 0) {
    return <p class="muted">No command, file or forward of its own. Everything that happened is below.</p>;
  }
  return <Places places={moments.map(({ seconds, label }) => ({ seconds, text: label }))} />;
}

function Hits({
  sessionId,
  recording: { channel },
  text,
  onHits,
}: Omit<PanelProps, 'events'> & { text: string }) {
  const { api } = usePage();
  const [found, setFound] = useState<InSessionResult | Error | undefined>(undefined);
  useEffect(() => {
    const controller = new AbortController();
    setFound(undefined);
    const path = withQuery(`/api/sessions/${encodeURIComponent(sessionId)}/search`, { q: text, channel });
    api.get<InSessionResult>(path, { signal: controller.signal }).then(
      (result) => {
        setFound(result);
        onHits(result.hits.map(({ timeS }) => timeS));
      },
      (error: Error) => {
        if (!controller.signal.aborted) setFound(error);
      },
    );
    return () => controller.abort();
  }, [api, sessionId, channel, text, onHits]);
  if (found === undefined) return <p class="muted">Looking…</p>;
  if (found instanceof Error) return <ErrorNote error={found} />;
  if (found.hits.length === 0) return <p class="muted">Nothing on the screen has “{text}”.</p>;
  return (
    <>
      <Places places={found.hits.map(({ timeS, text: line }) => ({ seconds: timeS, text: line.trim() }))} />
      {!found.complete && <p class="muted">There is more than is shown.</p>}
    </>
  );
}
