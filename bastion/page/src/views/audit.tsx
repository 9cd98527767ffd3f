import { useEffect, useMemo } from 'preact/hooks';
import { AUDIT_EVENT_TYPES } from '../../../../shared/audit/event.ts';
import type { AuditEntry, AuditList } from '../../../web/api.ts';
import { withQuery } from '../data/api-client.ts';
import { withBase } from '../data/base-path.ts';
import { usePage } from '../data/context.ts';
import type { PageSource } from '../data/held-pages.ts';
import { useLogVerification } from '../data/use-log-verification.ts';
import { usePages } from '../data/use-pages.ts';
import { useLocation } from '../router.tsx';
import { DayFields, momentsOfDays } from '../ui/day-range.tsx';
import { Endless } from '../ui/endless.tsx';
import { Icon } from '../ui/icon.tsx';
import { MoreFilters } from '../ui/more-filters.tsx';
import { Empty, ErrorNote, Loading } from '../ui/notes.tsx';
import { TypedField } from '../ui/typed-field.tsx';
import { EventRows } from './event-rows.tsx';
import { LogVerification } from './log-verification.tsx';

const PAGE = 100;

/** Stretches of the log that are searched for one page before a person is asked whether to go on. */
const STRETCHES_AT_ONCE = 20;

const MORE_NAMES = ['type', 'operator', 'host', 'session', 'from', 'to'] as const;

const FILTER_NAMES = [...MORE_NAMES, 'text'] as const;

type Filter = Readonly<Record<(typeof FILTER_NAMES)[number], string>>;

/** The audit log, newest first; new events arrive by themselves. */
export function AuditView() {
  const { query, go } = useLocation();
  const [verification, verify] = useLogVerification();
  const filter = Object.fromEntries(
    FILTER_NAMES.map((name) => [name, query.get(name) ?? '']),
  ) as unknown as Filter;
  const change = (name: keyof Filter, value: string) =>
    go(withQuery('/audit', { ...filter, [name]: value.trim() }), { replace: true });
  const isVerifying = verification.kind === 'running';
  return (
    <section class="view">
      <div class="view-head">
        <h1>Audit log</h1>
        <span class="grow" />
        <div class="view-actions">
          <button type="button" aria-busy={isVerifying} onClick={() => isVerifying || verify()}>
            <Icon name="shield" />
            Verify
          </button>
          <a class="button" href={withBase('/api/audit/export')} download>
            <Icon name="download" />
            Export all
          </a>
        </div>
      </div>
      <LogVerification state={verification} verify={verify} />
      <MoreFilters
        isSet={MORE_NAMES.some((name) => filter[name] !== '')}
        before={
          <TypedField
            label="Contains"
            look="search"
            placeholder="A path, an address, a reason…"
            value={filter.text}
            onChange={(value) => change('text', value)}
          />
        }
      >
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
        <DayFields range={filter} label="From" onChange={change} />
      </MoreFilters>
      <AuditPages key={JSON.stringify(filter)} filter={filter} />
    </section>
  );
}

function AuditPages({ filter }: { filter: Filter }) {
  const { api, updates } = usePage();
  const { type, operator, host, session, from, to, text } = filter;
  const isSearch = text !== '' || from !== '' || to !== '';
  const source = useMemo<PageSource<AuditEntry>>(
    () => ({
      keyOf: ({ seq }) => String(seq),
      load: async (last, signal) => {
        const asked = { type, operator, host, session, text, ...momentsOfDays({ from, to }), limit: PAGE };
        let before = last?.cursor ?? last?.item?.seq;
        for (let stretches = 1; ; stretches++) {
          const path = withQuery('/api/audit', { ...asked, before });
          const { events, searchedTo } = await api.get<AuditList>(path, { signal });
          if (searchedTo === undefined) return { items: events, more: !isSearch && events.length === PAGE };
          if (events.length > 0 || stretches === STRETCHES_AT_ONCE)
            return { items: events, more: true, cursor: searchedTo };
          before = searchedTo;
        }
      },
    }),
    [api, type, operator, host, session, from, to, text, isSearch],
  );
  const list = usePages(source);
  const { put, refresh } = list;
  useEffect(() => {
    const stops = [
      updates.onEvent((event) => {
        if (matches(event, { type, operator, host, session, from, to, text })) put(event);
      }),
      updates.onOpened(refresh),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [updates, put, refresh, type, operator, host, session, from, to, text]);
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
      <Endless list={list} more={isSearch ? 'Search further back' : 'Show older events'}>
        {(events) => <EventRows events={events} linkSessions={true} />}
      </Endless>
    </div>
  );
}

function matches(event: AuditEntry, { type, operator, host, session, from, to, text }: Filter): boolean {
  const { from: start, to: end } = momentsOfDays({ from, to });
  return (
    (start === undefined || event.time >= start) &&
    (end === undefined || event.time <= end) &&
    (type === '' || event.type === type) &&
    (operator === '' || event.operator === operator) &&
    (host === '' || event.host === host) &&
    (session === '' || event.session === session) &&
    (text === '' || JSON.stringify(event).toLowerCase().includes(text.toLowerCase()))
  );
}
