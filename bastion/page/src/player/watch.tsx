import type { Player, Source } from 'asciinema-player';
import { useMemo, useRef, useState } from 'preact/hooks';
import { type LiveState, liveDriver } from './live-driver.ts';
import { Poster } from './poster.tsx';
import { TerminalPlayer } from './terminal-player.tsx';

const NO_MARKERS: readonly [] = [];

const STATE_WORDS: Readonly<Record<LiveState, string>> = {
  connecting: 'Connecting…',
  live: 'Live',
  lost: 'The connection is lost. Trying again…',
  ended: 'The session has ended.',
};

/** A live session as it goes on. */
export function Watch({ sessionId }: { sessionId: string }) {
  const [open, setOpen] = useState(false);
  if (open) return <OpenWatch sessionId={sessionId} />;
  return (
    <Poster action="Watch live" onOpen={() => setOpen(true)}>
      That you watched goes into the audit log.
    </Poster>
  );
}

function OpenWatch({ sessionId }: { sessionId: string }) {
  const [state, setState] = useState<LiveState>('connecting');
  const player = useRef<Player>(null);
  // The player takes a function as its driver, which its types leave out.
  const source = useMemo(
    () => liveDriver(`/api/sessions/${encodeURIComponent(sessionId)}/live`, setState) as unknown as Source,
    [sessionId],
  );
  return (
    <div class="replay">
      <TerminalPlayer
        source={source}
        speed={1}
        markers={NO_MARKERS}
        startAtS={0}
        isLive={true}
        handle={player}
      />
      <p class="player-state" role="status">
        <span class={`dot ${state === 'live' ? 'dot-live' : ''}`} aria-hidden="true" />
        {STATE_WORDS[state]}
      </p>
    </div>
  );
}
