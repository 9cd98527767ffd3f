import { useEffect, useState } from 'preact/hooks';
import { usePage } from '../data/context.ts';
import { Icon } from './icon.tsx';

/** A short break is not worth a word. */
const LOST_NOTE_DELAY_MS = 1_500;

/** Whether the connection has been lost for so long that what is shown may be old. */
export function useIsLost(): boolean {
  const { updates } = usePage();
  const [state, setState] = useState(updates.state);
  const [isLost, setLost] = useState(false);
  useEffect(() => updates.onState(setState), [updates]);
  useEffect(() => {
    if (state !== 'lost') {
      setLost(false);
      return;
    }
    const timer = setTimeout(() => setLost(true), LOST_NOTE_DELAY_MS);
    return () => clearTimeout(timer);
  }, [state]);
  return isLost;
}

/** Says that the connection is lost, wherever in a view one is. */
export function ConnectionNote({ isLost }: { isLost: boolean }) {
  return (
    <div class="connection-note" role="status" aria-live="polite">
      {isLost && (
        <p class="note note-warn">
          <Icon name="alert" />
          <span>The connection to the bastion is lost. What you see may be old. Trying again…</span>
        </p>
      )}
    </div>
  );
}
