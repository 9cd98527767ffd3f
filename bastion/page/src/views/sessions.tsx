import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { SearchResult, Session, SessionList } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { coalesced } from '../data/coalesced.ts';
import { usePage } from '../data/context.ts';
import type { PageSource } from '../data/held-pages.ts';
import { usePages } from '../data/use-pages.ts';
import { COALESCE_MS, useResource } from '../data/use-resource.ts';
import { Link } from '../router.tsx';
import { momentsOfDays } from '../ui/day-range.tsx';
import { Endless } from '../ui/endless.tsx';
import { clockWords } from '../ui/format.ts';
import { Empty, ErrorNote, Loading } from '../ui/notes.tsx';
import { Moment } from '../ui/time.tsx';
import { type SessionFilter, SessionFilters, useSessionFilter } from './session-filters.tsx';
import { SessionList as Rows, SessionRowsFrame } from './session-rows.tsx';

const PAGE = 50;
const SEARCH_LIMIT = 100;

/** All sessions; the filters are part of the address. */
export function SessionsView() {
  const { filter, isSet } = useSessionFilter();
  return (
    <section class="view">
      <h1>Sessions</h1>
      <SessionFilters />
      {filter.q === '' ? <SessionPages filter={filter} isFiltered={isSet} /> : <Found filter={filter} />}
    </section>
  );
}

function useSessionPages(filter: SessionFilter) {
  const { api, updates } = usePage();
  const { live, operator, host, login, kind, from, to } = filter;
  const source = useMemo<PageSource<Session>>(() => {
    const range = momentsOfDays({ from, to });
    return {
      keyOf: ({ id }) => id,
      load: async (last, signal) => {
        const path = withQuery('/api/sessions', {
          ...{ live, operator, host, login, kind, limit: PAGE, ...range },
          ...(last?.item === undefined ? {} : { before: last.item.startedAt, beforeId: last.item.id }),
        });
        const { sessions } = await api.get<SessionList>(path, { signal });
        return { items: sessions, more: sessions.length === PAGE };
      },
    };
  }, [api, live, operator, host, login, kind, from, to]);
  const list = usePages(source);
  const latest = useRef(list);
  latest.current = list;
  useEffect(() => {
    const soon = coalesced(() => latest.current.refresh(), COALESCE_MS);
    const stops = [
      updates.onEvent(({ type }) => {
        if (/^(session|access|shell|exec)\./.test(type)) soon.ask();
      }),
      updates.onOpened(soon.ask),
    ];
    return () => {
      soon.stop();
      for (const stop of stops) stop();
    };
  }, [updates]);
  return list;
}

function SessionPages({ filter, isFiltered }: { filter: SessionFilter; isFiltered: boolean }) {
  const list = useSessionPages(filter);
  if (list.pages === undefined) {
    return list.error === undefined ? <Loading /> : <ErrorNote error={list.error} retry={list.refresh} />;
  }
  if (list.pages.every((items) => items.length === 0)) {
    return <NoSessions live={filter.live === 'true'} isFiltered={isFiltered} />;
  }
  return (
    <SessionRowsFrame>
      <Endless list={list} more="Show older sessions">
        {(sessions) => <Rows sessions={sessions} />}
      </Endless>
    </SessionRowsFrame>
  );
}

function NoSessions({ live, isFiltered }: { live: boolean; isFiltered: boolean }) {
  if (live) return <Empty title="Nobody is in">A session shows up here as soon as it begins.</Empty>;
  if (isFiltered) return <Empty title="No session fits">Take a filter away to see more.</Empty>;
  return <Empty title="No sessions yet">Sessions show up here by themselves.</Empty>;
}

function Found({ filter }: { filter: SessionFilter }) {
  const { q, live, operator, host, login, kind } = filter;
  const found = useResource<SearchResult>(
    withQuery('/api/search', { q, operator, host, ...momentsOfDays(filter), limit: SEARCH_LIMIT }),
    () => false,
  );
  if (found.data === undefined) {
    return found.error === undefined ? <Loading /> : <ErrorNote error={found.error} retry={found.reload} />;
  }
  const results = found.data.results.filter(
    ({ session }) =>
      (live === '' || (live === 'true') === (session.state === 'live')) &&
      (login === '' || session.login === login) &&
      (kind === '' || isOfKind(session, kind)),
  );
  if (results.length === 0) {
    return (
      <Empty title={`Nothing found for “${q}”`}>
        Try a part of a name or of a command, or a whole word on the screen.
      </Empty>
    );
  }
  return (
    <>
      <SessionRowsFrame>
        <Rows sessions={results.map(({ session }) => session)} />
      </SessionRowsFrame>
      <SeenLines results={results} />
      {!found.data.complete && (
        <p class="muted more">There may be more: only the newest sessions are shown. Narrow it down.</p>
      )}
    </>
  );
}

function isOfKind({ recordings }: Session, kind: string): boolean {
  return kind === 'unrecorded' ? recordings.length === 0 : recordings.some((one) => one.kind === kind);
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
