import { useEffect, useState } from 'preact/hooks';
import type { SearchResult, Session, SessionList } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { usePage } from '../data/context.ts';
import { useResource } from '../data/use-resource.ts';
import { Link, useLocation } from '../router.tsx';
import { clockWords } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { Empty, ErrorNote, Loading } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';
import { useAction } from '../ui/use-action.ts';
import { SessionRows } from './session-rows.tsx';

const PAGE = 50;
const SEARCH_DELAY_MS = 250;

const STATES = [
  { value: '', words: 'All' },
  { value: 'true', words: 'Live' },
  { value: 'false', words: 'Past' },
] as const;

/** All sessions; the filters are part of the address. */
export function SessionsView() {
  const { query, go } = useLocation();
  const live = query.get('live') ?? '';
  const search = query.get('q') ?? '';
  const change = (name: string, value: string) => {
    const next = new URLSearchParams(query);
    if (value === '') next.delete(name);
    else next.set(name, value);
    go(`/sessions${next.size === 0 ? '' : `?${next}`}`, { replace: true });
  };
  return (
    <section class="view">
      <h1>Sessions</h1>
      <div class="filters">
        <fieldset class="segments" aria-label="Which sessions">
          {STATES.map(({ value, words }) => (
            <button
              key={value}
              type="button"
              aria-pressed={live === value}
              onClick={() => change('live', value)}
            >
              {words}
            </button>
          ))}
        </fieldset>
        <SearchField value={search} onChange={(value) => change('q', value)} />
      </div>
      {search === '' ? <SessionPages live={live} /> : <Found text={search} live={live} />}
    </section>
  );
}

function SearchField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => onChange(text.trim()), SEARCH_DELAY_MS);
    return () => clearTimeout(timer);
  });
  return (
    <label class="search">
      <Icon name="search" />
      <span class="sr-only">Find sessions</span>
      <input
        type="search"
        placeholder="Operator, host, command, or what was on a screen…"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </label>
  );
}

function SessionPages({ live }: { live: string }) {
  const { api } = usePage();
  const path = withQuery('/api/sessions', { live, limit: PAGE });
  const newest = useResource<SessionList>(path, ({ type }) => /^(session|access|shell|exec)\./.test(type));
  const [older, setOlder] = useState<{ path: string; sessions: readonly Session[]; more: boolean }>();
  const known = older?.path === path ? older : undefined;
  const first = newest.data?.sessions ?? [];
  const oldest = known?.sessions.at(-1) ?? first.at(-1);
  const more = useAction(async () => {
    const next = await api.get<SessionList>(
      withQuery('/api/sessions', { live, limit: PAGE, before: oldest?.startedAt }),
    );
    setOlder({
      path,
      sessions: [...(known?.sessions ?? []), ...next.sessions],
      more: next.sessions.length === PAGE,
    });
  });
  if (newest.data === undefined) {
    return newest.error === undefined ? (
      <Loading />
    ) : (
      <ErrorNote error={newest.error} retry={newest.reload} />
    );
  }
  const ids = new Set(first.map(({ id }) => id));
  const sessions = [...first, ...(known?.sessions ?? []).filter(({ id }) => !ids.has(id))];
  if (sessions.length === 0) {
    return (
      <Empty title={live === 'true' ? 'Nobody is in' : 'No sessions yet'}>
        Sessions show up here by themselves.
      </Empty>
    );
  }
  return (
    <>
      {newest.error !== undefined && <ErrorNote error={newest.error} retry={newest.reload} />}
      <SessionRows sessions={sessions} />
      {(known?.more ?? first.length === PAGE) && (
        <div class="more">
          <button type="button" disabled={more.running} onClick={() => more.run()}>
            {more.running ? 'Loading…' : 'Show older sessions'}
          </button>
        </div>
      )}
      {more.error !== undefined && <ErrorNote error={more.error} retry={() => more.run()} />}
    </>
  );
}

function Found({ text, live }: { text: string; live: string }) {
  const found = useResource<SearchResult>(withQuery('/api/search', { q: text, limit: 100 }), () => false);
  if (found.data === undefined) {
    return found.error === undefined ? <Loading /> : <ErrorNote error={found.error} retry={found.reload} />;
  }
  const sessions = found.data.results
    .map(({ session }) => session)
    .filter(({ state }) => live === '' || (live === 'true') === (state === 'live'));
  if (sessions.length === 0) {
    return (
      <Empty title={`Nothing found for “${text}”`}>
        Try a part of a name or of a command, or a whole word on the screen.
      </Empty>
    );
  }
  return (
    <>
      <SessionRows sessions={sessions} />
      <SeenLines results={found.data.results} />
      {!found.data.complete && (
        <p class="muted more">There may be more: only the newest sessions are shown. Narrow it down.</p>
      )}
    </>
  );
}

/** Lines of screens that have the words, each with a link to the moment at which it was seen. */
function SeenLines({ results }: { results: SearchResult['results'] }) {
  const lines = results.flatMap(({ session, matches }) =>
    matches.flatMap(({ field, text, channel, timeS }) =>
      field === 'screen' && channel !== undefined && timeS !== undefined
        ? [{ session, text, channel, timeS }]
        : [],
    ),
  );
  if (lines.length === 0) return null;
  return (
    <section class="seen-lines" aria-label="Lines on screens">
      <h2>On screens</h2>
      <ul>
        {lines.map(({ session, text, channel, timeS }) => (
          <li key={`${session.id} ${channel} ${timeS} ${text}`}>
            <Link
              href={`/sessions/${encodeURIComponent(session.id)}?channel=${channel}&t=${timeS.toFixed(1)}`}
            >
              <code>{text.trim()}</code>
            </Link>{' '}
            <span class="muted">
              {session.operator} on {session.host}, <Moment at={session.startedAt} /> + {clockWords(timeS)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
