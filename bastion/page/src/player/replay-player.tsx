import type { Marker, Player, Source } from 'asciinema-player';
import { useMemo, useRef, useState } from 'preact/hooks';
import type { AuditEntry, Recording } from '../../../web/api.ts';
import { useLocation } from '../router.tsx';
import { momentsOf } from './moments.ts';
import { IDLE_LIMIT_S, PlayerTools } from './player-tools.tsx';
import { type PlayerSettings, TerminalPlayer } from './terminal-player.tsx';

/** What a replay is of. */
export interface ReplaySubject {
  readonly recording: Recording;
  readonly events: readonly AuditEntry[];
  /** Address of the file. */
  readonly file: string;
  readonly startAtS: number;
}

/** A recording that has been loaded, with what belongs under it. */
export function ReplayPlayer({
  source,
  recording,
  events,
  file,
  startAtS,
}: ReplaySubject & { readonly source: Source }) {
  const { path, query, go } = useLocation();
  const [settings, setSettings] = useState<PlayerSettings>({ speed: 1, idleLimitS: IDLE_LIMIT_S });
  const player = useRef<Player>(null);
  // A new list would start the player anew, and looking at a recording adds events of its own.
  const momentsKey = JSON.stringify(momentsOf(events, recording));
  const markers = useMemo<readonly Marker[]>(() => {
    const moments = JSON.parse(momentsKey) as ReturnType<typeof momentsOf>;
    return moments.map(({ seconds, label }): Marker => [seconds, label]);
  }, [momentsKey]);
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
