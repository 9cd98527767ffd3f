import { useLocation } from '../router.tsx';
import { clockWords } from '../ui/format.ts';

/** Places in a recording, each with its time; one that is chosen is where the replay goes. */
export function Places({ places }: { places: readonly { seconds: number; text: string }[] }) {
  const { query, path, go } = useLocation();
  const jump = (seconds: number) => {
    const next = new URLSearchParams(query);
    next.set('t', seconds.toFixed(1));
    go(`${path}?${next}`, { replace: true });
  };
  return (
    <ol class="places-in">
      {places.map(({ seconds, text }, index) => (
        <li key={`${index} ${seconds}`}>
          <button type="button" onClick={() => jump(seconds)}>
            <span class="figures muted">{clockWords(seconds)}</span>
            <code>{text}</code>
          </button>
        </li>
      ))}
    </ol>
  );
}
