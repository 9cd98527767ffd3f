import type { Marker, Player, Source } from 'asciinema-player';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { AuditEntry, Recording } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { usePage } from '../data/context.ts';
import { useLocation } from '../router.tsx';
import { clockWords, sizeWords } from '../ui/format.ts';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { castForPlayer } from './line-ends.ts';
import { momentsOf } from './moments.ts';
import { IDLE_LIMIT_S, PlayerTools } from './player-tools.tsx';
import { Poster } from './poster.tsx';
import { type PlayerSettings, TerminalPlayer } from './terminal-player.tsx';

interface ReplayProps {
  readonly sessionId: string;
  readonly recording: Recording;
  readonly events: readonly AuditEntry[];
}

/** One recording of a session. */
export function Replay({ sessionId, recording, events }: ReplayProps) {
  const { query } = useLocation();
  const startAtS = Number(query.get('t') ?? 0) || 0;
  const [open, setOpen] = useState(startAtS > 0);
  const file = withQuery(`/api/sessions/${encodeURIComponent(sessionId)}/recording`, {
    channel: recording.channel,
  });
  if (open) return <OpenReplay file={file} recording={recording} events={events} startAtS={startAtS} />;
  const length = recording.durationMs === undefined ? '' : `${clockWords(recording.durationMs / 1000)}, `;
  return (
    <Poster action="Replay" onOpen={() => setOpen(true)}>
      {length}
      {sizeWords(recording.sizeBytes)}. That you looked at it goes into the audit log.
    </Poster>
  );
}

interface OpenReplayProps extends Omit<ReplayProps, 'sessionId'> {
  readonly file: string;
  readonly startAtS: number;
}

function OpenReplay({ file, recording, events, startAtS }: OpenReplayProps) {
  const { api } = usePage();
  const { path, query, go } = useLocation();
  const [loaded, setLoaded] = useState<string | Error | undefined>(undefined);
  const [settings, setSettings] = useState<PlayerSettings>({ speed: 1, idleLimitS: IDLE_LIMIT_S });
  const player = useRef<Player>(null);
  useEffect(() => {
    const controller = new AbortController();
    api.text(file, controller.signal).then(setLoaded, (error: Error) => {
      if (!controller.signal.aborted) setLoaded(error);
    });
    return () => controller.abort();
  }, [api, file]);
  const source = useMemo<Source | undefined>(
    () => (typeof loaded === 'string' ? { data: castForPlayer(loaded), parser: 'asciicast' } : undefined),
    [loaded],
  );
  // A new list would start the player anew, and looking at a recording adds events of its own.
  const momentsKey = JSON.stringify(momentsOf(events, recording));
  const markers = useMemo<readonly Marker[]>(() => {
    const moments = JSON.parse(momentsKey) as ReturnType<typeof momentsOf>;
    return moments.map(({ seconds, label }): Marker => [seconds, label]);
  }, [momentsKey]);
  if (loaded instanceof Error) return <ErrorNote error={loaded} />;
  if (source === undefined) return <Loading rows={3} />;
  const linkHere = () => {
    const next = new URLSearchParams(query);
    next.set('channel', String(recording.channel));
    next.set('t', (player.current?.getCurrentTime() ?? 0).toFixed(1));
    go(`${path}?${next}`, { replace: true });
    navigator.clipboard.writeText(window.location.href).catch(() => undefined);
  };
  return (
    <div class="replay">
      <TerminalPlayer
        source={source}
        settings={settings}
        markers={markers}
        startAtS={startAtS}
        isLive={false}
        handle={player}
      />
      <PlayerTools settings={settings} onChange={setSettings} onLink={linkHere} file={file} />
    </div>
  );
}
