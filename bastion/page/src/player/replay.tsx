import type { Marker, Player, Source } from 'asciinema-player';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { AuditEntry, Recording } from '../../../web/api.ts';
import { type ApiClient, withQuery } from '../data/api-client.ts';
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
  if (open) {
    return (
      <OpenReplay
        file={file}
        sessionId={sessionId}
        recording={recording}
        events={events}
        startAtS={startAtS}
      />
    );
  }
  const length = recording.durationMs === undefined ? '' : `${clockWords(recording.durationMs / 1000)}, `;
  return (
    <Poster action="Replay" onOpen={() => setOpen(true)}>
      {length}
      {sizeWords(recording.sizeBytes)}. That you looked at it goes into the audit log.
    </Poster>
  );
}

interface OpenReplayProps extends ReplayProps {
  readonly file: string;
  readonly startAtS: number;
}

function OpenReplay({ file, sessionId, recording, events, startAtS }: OpenReplayProps) {
  const { api } = usePage();
  const { channel, sizeBytes } = recording;
  const { path, query, go } = useLocation();
  const [loaded, setLoaded] = useState<Source | Error | undefined>(undefined);
  const [settings, setSettings] = useState<PlayerSettings>({ speed: 1, idleLimitS: IDLE_LIMIT_S });
  const player = useRef<Player>(null);
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
  // A new list would start the player anew, and looking at a recording adds events of its own.
  const momentsKey = JSON.stringify(momentsOf(events, recording));
  const markers = useMemo<readonly Marker[]>(() => {
    const moments = JSON.parse(momentsKey) as ReturnType<typeof momentsOf>;
    return moments.map(({ seconds, label }): Marker => [seconds, label]);
  }, [momentsKey]);
  if (loaded instanceof Error) return <ErrorNote error={loaded} />;
  if (loaded === undefined) return <Loading rows={3} />;
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
        source={loaded}
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
    if (isIndexed) return { url, format: 'segmented' } as Source;
  }
  return { data: castForPlayer(await api.text(of.file, signal)), parser: 'asciicast' };
}
