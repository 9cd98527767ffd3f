import { useEffect, useRef, useState } from 'preact/hooks';

/** Something that a person starts and waits for. */
export interface Action<A extends readonly unknown[]> {
  readonly running: boolean;
  readonly error: Error | undefined;
  run(...args: A): void;
}

/** Runs `work` once at a time and keeps its error for the view. */
export function useAction<A extends readonly unknown[]>(work: (...args: A) => Promise<void>): Action<A> {
  const [running, setRunning] = useState(false);
  const [error, setError] = useState<Error | undefined>(undefined);
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    return () => {
      mounted.current = false;
    };
  }, []);
  return {
    running,
    error,
    run(...args) {
      if (running) return;
      setRunning(true);
      setError(undefined);
      work(...args)
        .catch((reason: Error) => {
          if (mounted.current) setError(reason);
        })
        .finally(() => {
          if (mounted.current) setRunning(false);
        });
    },
  };
}
