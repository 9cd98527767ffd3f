import { useEffect, useMemo } from 'preact/hooks';
import { AUDIT_EVENT_TYPES } from '../../../../shared/audit/event.ts';
import type { AuditEntry, AuditList } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { withBase } from '../data/base-path.ts';
import { usePage } from '../data/context.ts';
import { type PageSource, usePages } from '../data/use-pages.ts';
import { useLocation } from '../router.tsx';
import { Endless } from '../ui/endless.tsx';
import { Icon } from '../ui/icon.tsx';
import { Empty, ErrorNote, Loading } from '../ui/notes.tsx';
import { TypedField } from '../ui/typed-field.tsx';
import { EventRows } from './event-rows.tsx';

const PAGE = 100;

type Filter = Readonly<Record<'type' | 'operator' | 'host' | 'session' | 'text', string>>;

/** The audit log, newest first; new events arrive by themselves. */
export function AuditView() {
  const { query, go } = useLocation();
  const filter: Filter = {
    type: query.get('type') ?? '',
    operator: query.get('operator') ?? '',
    host: query.get('host') ?? '',
    session: query.get('session') ?? '',
    text: query.get('text') ?? '',
  };
  const change = (name: keyof Filter, value: string) =>
    go(withQuery('/audit', { ...filter, [name]: value.trim() }), { replace: true });
  return (
    <section class="view">
      <div class="view-head">
        <h1>Audit log</h1>
        <span class="grow" />
        <a class="button" href={withBase('/api/audit/export')} download>
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
        {(['operator', 'host', 'session'] as const).map((name) => (
          <TypedField
            key={name}
            label={`${name[0]?.toUpperCase()}${name.slice(1)}`}
            placeholder="any"
            value={filter[name]}
            onChange={(value) => change(name, value)}
          />
        ))}
        <TypedField
          label="Contains"
          placeholder="a path, an address, a reason…"
          value={filter.text}
          onChange={(value) => change('text', value)}
        />
      </div>
      <AuditPages key={JSON.stringify(filter)} filter={filter} />
    </section>
  );
}

function AuditPages({ filter }: { filter: Filter }) {
  const { api, updates } = usePage();
  const { type, operator, host, session, text } = filter;
  const source = useMemo<PageSource<AuditEntry>>(
    () => ({
      keyOf: ({ seq }) => String(seq),
      load: async (last, signal) => {
        const before = last?.cursor ?? last?.item?.seq;
        const path = withQuery('/api/audit', { type, operator, host, session, text, before, limit: PAGE });
        const { events, searchedTo } = await api.get<AuditList>(path, { signal });
        const more = searchedTo !== undefined || (text === '' && events.length === PAGE);
        return { items: events, more, ...(searchedTo === undefined ? {} : { cursor: searchedTo }) };
      },
    }),
    [api, type, operator, host, session, text],
  );
  const list = usePages(source);
  const { put, refresh } = list;
  useEffect(() => {
    const stops = [
      updates.onEvent((event) => {
        if (matches(event, { type, operator, host, session, text })) put(event);
      }),
      updates.onReconnect(refresh),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [updates, put, refresh, type, operator, host, session, text]);
  if (list.pages === undefined) {
    return list.error === undefined ? (
      <Loading rows={8} />
    ) : (
      <ErrorNote error={list.error} retry={list.refresh} />
    );
  }
  const isEmpty = list.pages.every((items) => items.length === 0);
  if (isEmpty && !list.more) {
    return <Empty title="No events">Nothing in the log fits these filters.</Empty>;
  }
  return (
    <div class={isEmpty ? undefined : 'events'}>
      <Endless list={list} more={text === '' ? 'Show older events' : 'Search further back'}>
        {(events) => <EventRows events={events} linkSessions={true} />}
      </Endless>
    </div>
  );
}

function matches(event: AuditEntry, { type, operator, host, session, text }: Filter): boolean {
  return (
    (type === '' || event.type === type) &&
    (operator === '' || event.operator === operator) &&
    (host === '' || event.host === host) &&
    (session === '' || event.session === session) &&
    (text === '' || JSON.stringify(event).toLowerCase().includes(text.toLowerCase()))
  );
}
