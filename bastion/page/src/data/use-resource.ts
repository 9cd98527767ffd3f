import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { AuditEntry } from '../../../web/api.ts';
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
const COALESCE_MS = 150;

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

  const read = useCallback(
    (background: boolean) => {
      reading.current?.abort();
      const controller = new AbortController();
      reading.current = controller;
      api.get<T>(path, { signal: controller.signal, background }).then(
        (data) => setState({ path, data }),
        (error: Error) => {
          if (controller.signal.aborted) return;
          setState((old) => ({ ...(old.path === path ? old : { path }), error }));
        },
      );
    },
    [api, path],
  );

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        read(true);
      }, COALESCE_MS);
    };
    const stops = [
      updates.onEvent((event) => {
        if (concernsRef.current(event)) soon();
      }),
      updates.onReconnect(soon),
    ];
    read(false);
    return () => {
      clearTimeout(timer);
      reading.current?.abort();
      for (const stop of stops) stop();
    };
  }, [read, updates]);

  const fresh = state.path === path ? state : { path };
  return {
    data: fresh.data,
    error: fresh.error,
    reload: () => read(false),
    replace: (data) => setState({ path, data }),
  };
}
