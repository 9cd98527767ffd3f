import type { SessionNames } from '../../../web/api.ts';
import { useResource } from '../data/use-resource.ts';
import { useLocation } from '../router.tsx';
import { DayFields } from '../ui/day-range.tsx';
import { MoreFilters } from '../ui/more-filters.tsx';
import { TypedField } from '../ui/typed-field.tsx';

const STATES = [
  { value: '', words: 'All' },
  { value: 'true', words: 'Live' },
  { value: 'false', words: 'Past' },
] as const;

const KINDS = [
  { value: '', words: 'Anything' },
  { value: 'shell', words: 'A shell' },
  { value: 'exec', words: 'A command' },
  { value: 'unrecorded', words: 'Files or forwards alone' },
] as const;

const FILTER_NAMES = ['q', 'live', 'operator', 'host', 'login', 'kind', 'from', 'to'] as const;

const MORE_NAMES = ['operator', 'host', 'login', 'kind', 'from', 'to'] as const;

/** What the address says is to be shown; an empty text is no condition. */
export type SessionFilter = Readonly<Record<(typeof FILTER_NAMES)[number], string>>;

export function useSessionFilter(): {
  readonly filter: SessionFilter;
  change(name: keyof SessionFilter, value: string): void;
  clear(): void;
  readonly isSet: boolean;
} {
  const { query, go } = useLocation();
  const filter = Object.fromEntries(
    FILTER_NAMES.map((name) => [name, query.get(name) ?? '']),
  ) as unknown as SessionFilter;
  return {
    filter,
    isSet: FILTER_NAMES.some((name) => filter[name] !== ''),
    change(name, value) {
      const next = new URLSearchParams(query);
      if (value === '') next.delete(name);
      else next.set(name, value);
      go(`/sessions${next.size === 0 ? '' : `?${next}`}`, { replace: true });
    },
    clear: () => go('/sessions', { replace: true }),
  };
}

/** The filters of the list of sessions. */
export function SessionFilters() {
  const { filter, change, clear, isSet } = useSessionFilter();
  const names = useResource<SessionNames>('/api/sessions/names', ({ type }) => type === 'session.started');
  return (
    <MoreFilters
      isSet={MORE_NAMES.some((name) => filter[name] !== '')}
      before={
        <fieldset class="segments" aria-label="Which sessions">
          {STATES.map(({ value, words }) => (
            <button
              key={value}
              type="button"
              aria-pressed={filter.live === value}
              onClick={() => change('live', value)}
            >
              {words}
            </button>
          ))}
        </fieldset>
      }
      after={
        <TypedField
          label="Find sessions"
          look="search"
          placeholder="Operator, host, command, or what was on a screen…"
          value={filter.q}
          onChange={(value) => change('q', value)}
        />
      }
    >
      {(['operator', 'host', 'login'] as const).map((name) => (
        <TypedField
          key={name}
          label={`${name[0]?.toUpperCase()}${name.slice(1)}`}
          placeholder="any"
          options={names.data?.[`${name}s`] ?? []}
          value={filter[name]}
          onChange={(value) => change(name, value)}
        />
      ))}
      <label class="field">
        <span>With</span>
        <select value={filter.kind} onChange={(event) => change('kind', event.currentTarget.value)}>
          {KINDS.map(({ value, words }) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <DayFields range={filter} label="Started from" onChange={change} />
      {isSet && (
        <button type="button" class="quiet" onClick={clear}>
          Clear
        </button>
      )}
    </MoreFilters>
  );
}
