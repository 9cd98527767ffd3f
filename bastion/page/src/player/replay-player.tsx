import type { Marker, Player } from 'asciinema-player';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { AuditEntry, Recording } from '../../../web/api.ts';
import { useLocation } from '../router.tsx';
import { momentsOf } from './moments.ts';
import { IDLE_LIMIT_S, PlayerTools } from './player-tools.tsx';
import type { ReplaySource } from './replay-source.ts';
import { TerminalPlayer } from './terminal-player.tsx';

/** What a replay is of. */
export interface ReplaySubject {
  readonly recording: Recording;
  readonly events: readonly AuditEntry[];
  /** Seconds at which a search has found something. */
  readonly hits: readonly number[];
  /** Address of the file. */
  readonly file: string;
  /** Seconds of the recording; a change of it jumps there. */
  readonly startAtS: number;
}

/** A recording that has been loaded, with what belongs under it. */
export function ReplayPlayer({
  source,
  recording,
  events,
  hits,
  file,
  startAtS,
}: ReplaySubject & { readonly source: ReplaySource }) {
  const { path, query, go } = useLocation();
  const [speed, setSpeed] = useState(1);
  const [skipsPauses, setSkipsPauses] = useState(true);
  const player = useRef<Player>(null);
  const { source: shown, timeline } = useMemo(
    () => source(skipsPauses ? IDLE_LIMIT_S : undefined),
    [source, skipsPauses],
  );
  // A new list would start the player anew, and looking at a recording adds events of its own.
  const momentsKey = JSON.stringify(momentsOf(events, recording));
  const markers = useMemo<readonly Marker[]>(() => {
    const moments = JSON.parse(momentsKey) as ReturnType<typeof momentsOf>;
    return moments.map(({ seconds, label }): Marker => [timeline.toPlayed(seconds), label]);
  }, [momentsKey, timeline]);
  // Where it is now, in the time of the recording, also across a change of what is skipped.
  const at = useRef(startAtS);
  const recordedNow = () =>
    player.current === null ? at.current : timeline.toRecorded(player.current.getCurrentTime());
  const firstStart = useRef(startAtS);
  useEffect(() => {
    if (startAtS === firstStart.current) return;
    firstStart.current = startAtS;
    void player.current?.seek(timeline.toPlayed(startAtS));
  }, [startAtS, timeline]);
  const linkHere = () => {
    const next = new URLSearchParams(query);
    next.set('channel', String(recording.channel));
    next.set('t', recordedNow().toFixed(1));
    go(`${path}?${next}`, { replace: true });
    navigator.clipboard.writeText(window.location.href).catch(() => undefined);
  };
  return (
    <div class="replay">
      <TerminalPlayer
        key={String(skipsPauses)}
        source={shown}
        speed={speed}
        markers={markers}
        startAtS={timeline.toPlayed(at.current)}
        isLive={false}
        handle={player}
      />
      {hits.length > 0 && (
        <div class="hit-line" aria-hidden="true">
          {hits.map((seconds) => (
            <span
              key={seconds}
              style={{ left: `${(100 * timeline.toPlayed(seconds)) / Math.max(timeline.durationS, 0.1)}%` }}
            />
          ))}
        </div>
      )}
      <PlayerTools
        speed={speed}
        onSpeed={setSpeed}
        skipsPauses={skipsPauses}
        onSkipPauses={(skips) => {
          at.current = recordedNow();
          setSkipsPauses(skips);
        }}
        onLink={linkHere}
        file={file}
      />
    </div>
  );
}
