import { useState } from 'preact/hooks';
import type { CommandList } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { usePage } from '../data/context.ts';
import { ErrorNote } from '../ui/notes.tsx';
import { Places } from './places-in.tsx';

/** What was typed in a recording, as far as its screen shows it. Fetched when it is asked for: that look is audited. */
export function TypedCommands({ sessionId, channel }: { sessionId: string; channel: number }) {
  const { api } = usePage();
  const [found, setFound] = useState<CommandList | Error | 'on the way' | undefined>(undefined);
  const fetchCommands = () => {
    setFound('on the way');
    const path = withQuery(`/api/sessions/${encodeURIComponent(sessionId)}/commands`, {
      channel: String(channel),
    });
    api.get<CommandList>(path).then(setFound, setFound);
  };
  return (
    <section class="typed-commands" aria-label="Typed commands">
      <h3>Typed commands</h3>
      <p class="muted">Read off the screen: an aid, no evidence.</p>
      {found === undefined && (
        <button type="button" class="small" onClick={fetchCommands}>
          Show
        </button>
      )}
      {found === 'on the way' && <p class="muted">Looking…</p>}
      {found instanceof Error && <ErrorNote error={found} retry={fetchCommands} />}
      {found !== undefined && found !== 'on the way' && !(found instanceof Error) && <Found list={found} />}
    </section>
  );
}

function Found({ list: { commands, complete } }: { list: CommandList }) {
  return (
    <>
      {commands.length === 0 && <p class="muted">None was seen.</p>}
      <Places places={commands.map(({ timeS, text }) => ({ seconds: timeS, text }))} />
      {!complete && <p class="muted">There may be more than is shown.</p>}
    </>
  );
}
