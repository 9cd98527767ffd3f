import type { Marker, Options, Player, Source } from 'asciinema-player';
import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ErrorNote, Loading } from '../ui/notes.tsx';

declare module 'asciinema-player' {
  /** Its own types leave out that it says when it fails. */
  interface Player {
    addEventListener(eventName: 'error', handler: (failure: { readonly message?: string }) => void): void;
  }
}

interface TerminalPlayerProps {
  readonly source: Source;
  /** A change of it starts the player anew at the same place. */
  readonly speed: number;
  readonly markers: readonly Marker[];
  readonly startAtS: number;
  readonly isLive: boolean;
  /** Where the parent finds the player, to jump and to ask for the time. */
  readonly handle: RefObject<Player | null>;
}

const FONT = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

/** asciinema-player, loaded when it is first needed. */
export function TerminalPlayer({ source, speed, markers, startAtS, isLive, handle }: TerminalPlayerProps) {
  const container = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<'loading' | 'ready' | Error>('loading');
  const resumeAtS = useRef(startAtS);

  useEffect(() => {
    let player: Player | undefined;
    let cancelled = false;
    const start = async () => {
      const { create } = await loadPlayer();
      if (cancelled || container.current === null) return;
      const isSegmented = typeof source === 'object' && 'format' in source;
      const replayOptions: Options = {
        speed,
        startAt: resumeAtS.current,
        // A source of segments has markers of its own.
        ...(isSegmented ? {} : { markers: [...markers] }),
      };
      player = create(source, container.current, {
        autoPlay: true,
        fit: 'width',
        theme: 'asciinema',
        terminalFontFamily: FONT,
        controls: !isLive,
        ...(isLive ? {} : replayOptions),
      });
      player.addEventListener('error', ({ message }) => {
        if (!cancelled)
          setState(
            new Error(`The player can't show this recording (${message}). Download it to play it elsewhere.`),
          );
      });
      handle.current = player;
      setState('ready');
      focusWhenFree(container.current);
    };
    start().catch((error: Error) => setState(error));
    return () => {
      cancelled = true;
      if (player === undefined) return;
      resumeAtS.current = player.getCurrentTime();
      handle.current = null;
      player.dispose();
    };
  }, [source, speed, markers, isLive, handle]);

  return (
    <div class="player">
      {state === 'loading' && <Loading rows={3} />}
      {state instanceof Error && <ErrorNote error={state} />}
      <div ref={container} />
    </div>
  );
}

/** Its keys count at once, unless somebody is busy elsewhere, as in the panel beside it. */
function focusWhenFree(container: HTMLElement): void {
  const { activeElement, body } = document;
  if (activeElement !== body && !(activeElement instanceof HTMLElement && activeElement.tagName === 'MAIN'))
    return;
  container.querySelector<HTMLElement>('[tabindex]')?.focus({ preventScroll: true });
}

async function loadPlayer(): Promise<typeof import('asciinema-player')> {
  const [player] = await Promise.all([
    import('asciinema-player'),
    import('asciinema-player/dist/bundle/asciinema-player.css'),
  ]);
  return player;
}
