import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { AuditEntry } from '../../../web/api.ts';
import { ApiError } from './api-client.ts';
import { coalesced } from './coalesced.ts';
import { usePage } from './context.ts';

/** What is known of something that the bastion holds. */
export interface Resource<T> {
  readonly data: T | undefined;
  readonly error: Error | undefined;
  /** Reads it anew. */
  reload(): void;
  /** Puts a newer value in, for instance the answer to a change. */
  replace(value: T): void;
}

/** Several events in a row cause one reading, this long after the first. */
export const COALESCE_MS = 150;

/** What failed for want of an answer is read again so much later, event or not. */
const RETRY_MS = 5_000;

/**
 * Reads `path` and keeps it fresh: again whenever an event arrives that `concerns` it, and after a lost connection.
 * What was shown stays while it is read anew.
 */
export function useResource<T>(path: string, concerns: (event: AuditEntry) => boolean): Resource<T> {
  const { api, updates } = usePage();
  const [state, setState] = useState<{ path: string; data?: T; error?: Error }>({ path });
  const concernsRef = useRef(concerns);
  concernsRef.current = concerns;
  const reading = useRef<AbortController | undefined>(undefined);
  const retry = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const read = useCallback(
    async (background: boolean) => {
      reading.current?.abort();
      clearTimeout(retry.current);
      const controller = new AbortController();
      reading.current = controller;
      try {
        const data = await api.get<T>(path, { signal: controller.signal, background });
        if (!controller.signal.aborted) setState({ path, data });
      } catch (error) {
        if (controller.signal.aborted) return;
        setState((old) => ({ ...(old.path === path ? old : { path }), error: error as Error }));
        if (mayHealByItself(error)) retry.current = setTimeout(() => void read(true), RETRY_MS);
      }
    },
    [api, path],
  );

  useEffect(() => {
    const soon = coalesced(() => read(true), COALESCE_MS);
    const stops = [
      updates.onEvent((event) => {
        if (concernsRef.current(event)) soon.ask();
      }),
      updates.onOpened(soon.ask),
    ];
    void read(false);
    return () => {
      soon.stop();
      clearTimeout(retry.current);
      reading.current?.abort();
      for (const stop of stops) stop();
    };
  }, [read, updates]);

  const fresh = state.path === path ? state : { path };
  return {
    data: fresh.data,
    error: fresh.error,
    reload: () => void read(false),
    replace: (data) => setState({ path, data }),
  };
}

/** A refusal stays one; no answer, or a bastion that is in trouble, may be over soon. */
function mayHealByItself(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status >= 500);
}
