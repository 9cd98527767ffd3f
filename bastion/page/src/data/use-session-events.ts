import { useCallback, useEffect, useState } from 'preact/hooks';
import type { AuditEntry, AuditList } from '../../../web/api.ts';
import { type ApiClient, withQuery } from './api-client.ts';
import { usePage } from './context.ts';
import { type HeldEvents, SESSION_EVENTS_LIMIT, withArrived } from './held-events.ts';

/** What is known of the events of one session. */
export interface SessionEvents {
  /** Oldest first; undefined until all that are wanted are there. */
  readonly events: readonly AuditEntry[] | undefined;
  /** False when there are more than {@link SESSION_EVENTS_LIMIT}, or may be: then these are the first ones. */
  readonly isComplete: boolean;
  readonly error: Error | undefined;
  reload(): void;
}

const PAGE = 1_000;

/** Reads the events of a session page by page, and adds those that arrive. */
export function useSessionEvents(id: string): SessionEvents {
  const { api, updates } = usePage();
  const [known, setKnown] = useState<HeldEvents>({ id, isComplete: false });
  const [readings, setReadings] = useState(0);
  const reload = useCallback(() => setReadings((count) => count + 1), []);

  useEffect(() => {
    const controller = new AbortController();
    // What arrives while the pages are read may be missing in them.
    const arrived: AuditEntry[] = [];
    const stops = [
      updates.onEvent((event) => {
        if (event.session !== id) return;
        arrived.push(event);
        setKnown((old) => withArrived(old, [event]));
      }),
      updates.onOpened(reload),
    ];
    eventsOf(api, { session: id }, SESSION_EVENTS_LIMIT, controller.signal).then(
      (read) => setKnown(withArrived({ id, ...read }, arrived)),
      (error: Error) => {
        if (controller.signal.aborted) return;
        setKnown((old) => ({ ...(old.id === id ? old : { id, isComplete: false }), error }));
      },
    );
    return () => {
      controller.abort();
      for (const stop of stops) stop();
    };
  }, [api, updates, id, readings, reload]);

  const fresh = known.id === id ? known : { id, isComplete: false };
  return { events: fresh.events, isComplete: fresh.isComplete, error: fresh.error, reload };
}

/** Events that fit, oldest first, at most `limit` (in whole pages). */
export async function eventsOf(
  api: Pick<ApiClient, 'get'>,
  filter: { readonly session: string; readonly type?: string },
  limit: number,
  signal: AbortSignal,
): Promise<{ readonly events: readonly AuditEntry[]; readonly isComplete: boolean }> {
  const all: AuditEntry[] = [];
  while (all.length < limit) {
    const after = all.at(-1)?.seq ?? 0;
    const path = withQuery('/api/audit', { ...filter, after, limit: PAGE });
    const { events } = await api.get<AuditList>(path, { signal });
    all.push(...events);
    if (events.length < PAGE) return { events: all, isComplete: true };
  }
  return { events: all, isComplete: false };
}
