import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { AUDIT_EVENT_TYPES } from '../../../../shared/audit/event.ts';
import type { AuditEntry, AuditList } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { usePage } from '../data/context.ts';
import { useLocation } from '../router.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, ErrorNote, Loading } from '../ui/notes.tsx';
import { useAction } from '../ui/use-action.ts';
import { EventRows } from './event-rows.tsx';

const PAGE = 100;
const TYPING_DELAY_MS = 300;

type Filter = Readonly<Record<'type' | 'operator' | 'session', string>>;

/** The audit log, newest first; new events arrive by themselves. */
export function AuditView() {
  const { query, go } = useLocation();
  const filter: Filter = {
    type: query.get('type') ?? '',
    operator: query.get('operator') ?? '',
    session: query.get('session') ?? '',
  };
  const change = (name: keyof Filter, value: string) =>
    go(withQuery('/audit', { ...filter, [name]: value.trim() }), { replace: true });
  return (
    <section class="view">
      <div class="view-head">
        <h1>Audit log</h1>
        <span class="grow" />
        <a class="button" href="/api/audit/export" download>
          <Icon name="download" />
          Export all
        </a>
      </div>
      <div class="filters">
        <label class="field">
          <span>Type</span>
          <select value={filter.type} onChange={(event) => change('type', event.currentTarget.value)}>
            <option value="">All types</option>
            {AUDIT_EVENT_TYPES.map((type) => (
              <option key={type} value={type}>
                {type}
              </option>
            ))}
          </select>
        </label>
        <FilterField
          name="Operator"
          value={filter.operator}
          onChange={(value) => change('operator', value)}
        />
        <FilterField name="Session" value={filter.session} onChange={(value) => change('session', value)} />
      </div>
      <AuditPages key={JSON.stringify(filter)} filter={filter} />
    </section>
  );
}

interface FilterFieldProps {
  readonly name: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function FilterField({ name, value, onChange }: FilterFieldProps) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => onChange(text), TYPING_DELAY_MS);
    return () => clearTimeout(timer);
  });
  return (
    <label class="field">
      <span>{name}</span>
      <input
        type="search"
        placeholder="any"
        autocapitalize="none"
        spellcheck={false}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </label>
  );
}

function AuditPages({ filter }: { filter: Filter }) {
  const { api, updates } = usePage();
  const [events, setEvents] = useState<readonly AuditEntry[] | undefined>(undefined);
  const [error, setError] = useState<Error | undefined>(undefined);
  const [more, setMore] = useState(false);
  const meanwhile = useRef<AuditEntry[] | undefined>(undefined);
  const { type, operator, session } = filter;
  const load = useCallback(() => {
    // What is stored while the answer is on its way may be missing in it.
    const news: AuditEntry[] = [];
    meanwhile.current = news;
    api.get<AuditList>(withQuery('/api/audit', { type, operator, session, limit: PAGE })).then(
      ({ events: page }) => {
        meanwhile.current = undefined;
        setEvents(news.reduce(withNewest, page));
        setMore(page.length === PAGE);
        setError(undefined);
      },
      (reason: Error) => setError(reason),
    );
  }, [api, type, operator, session]);
  const older = useAction(async () => {
    const before = events?.at(-1)?.seq;
    const { events: page } = await api.get<AuditList>(
      withQuery('/api/audit', { ...filter, before, limit: PAGE }),
    );
    setEvents((known = []) => [...known, ...page]);
    setMore(page.length === PAGE);
  });
  useEffect(() => {
    const stops = [
      updates.onEvent((event) => {
        if (!matches(event, { type, operator, session })) return;
        meanwhile.current?.push(event);
        setEvents((known) => (known === undefined ? known : withNewest(known, event)));
      }),
      updates.onReconnect(load),
    ];
    load();
    return () => {
      for (const stop of stops) stop();
    };
  }, [load, updates, type, operator, session]);
  if (events === undefined) {
    return error === undefined ? <Loading rows={8} /> : <ErrorNote error={error} retry={load} />;
  }
  if (events.length === 0) {
    return <Empty title="No events">Nothing in the log fits these filters.</Empty>;
  }
  return (
    <>
      {error !== undefined && <ErrorNote error={error} retry={load} />}
      <EventRows events={events} linkSessions={true} />
      {more && (
        <div class="more">
          <button type="button" disabled={older.running} onClick={() => older.run()}>
            {older.running ? 'Loading…' : 'Show older events'}
          </button>
        </div>
      )}
      {older.error !== undefined && <ErrorNote error={older.error} retry={() => older.run()} />}
    </>
  );
}

function matches(event: AuditEntry, filter: Filter): boolean {
  return (
    (filter.type === '' || event.type === filter.type) &&
    (filter.operator === '' || event.operator === filter.operator) &&
    (filter.session === '' || event.session === filter.session)
  );
}

/** An event can arrive both in a page and as news. */
function withNewest(known: readonly AuditEntry[], event: AuditEntry): readonly AuditEntry[] {
  if (known.some(({ seq }) => seq === event.seq)) return known;
  return [event, ...known].toSorted((a, b) => b.seq - a.seq);
}
