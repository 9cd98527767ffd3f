import { useCallback, useEffect, useReducer, useRef } from 'preact/hooks';
import { type HeldPages, type PageSource, withHead, withItem } from './held-pages.ts';

/** A list that grows at both ends. */
export interface Pages<T> {
  /** Undefined until the first page is there. */
  readonly pages: readonly (readonly T[])[] | undefined;
  readonly more: boolean;
  readonly loadingMore: boolean;
  readonly error: Error | undefined;
  loadMore(): void;
  /** Reads the newest page anew and keeps what is older. Settles when it has. */
  refresh(): Promise<void>;
  /** Puts a new item in front, or a newer state of one in its place. */
  put(item: T): void;
}

/** Loads a list page by page, the next one when it is asked for, and keeps its front fresh. */
export function usePages<T>(source: PageSource<T>): Pages<T> {
  const state = useRef<{ source: PageSource<T>; known?: HeldPages<T>; error?: Error; loading: boolean }>({
    source,
    loading: false,
  });
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  if (state.current.source !== source) state.current = { source, loading: false };
  const early = useRef<T[] | undefined>(undefined);
  const controller = useRef<AbortController | undefined>(undefined);

  const refresh = useCallback(() => {
    controller.current?.abort();
    const mine = new AbortController();
    controller.current = mine;
    // What is put in while the answer is on its way may be missing in it.
    const meanwhile: T[] = [];
    early.current = meanwhile;
    return source.load(undefined, mine.signal).then(
      (page) => {
        if (mine.signal.aborted) return;
        early.current = undefined;
        state.current = {
          source,
          known: meanwhile.reduce(
            (known, item) => withItem(source, known, item),
            withHead(source, state.current.known, page),
          ),
          loading: state.current.loading,
        };
        redraw(undefined);
      },
      (error: Error) => {
        if (mine.signal.aborted) return;
        state.current = { ...state.current, error };
        redraw(undefined);
      },
    );
  }, [source]);

  useEffect(() => {
    void refresh();
    return () => controller.current?.abort();
  }, [refresh]);

  const loadMore = useCallback(() => {
    const at = state.current;
    const { known } = at;
    if (known === undefined || at.loading || !known.more) return;
    at.loading = true;
    redraw(undefined);
    const item = known.older.at(-1)?.at(-1) ?? known.head.at(-1);
    const last = {
      ...(item === undefined ? {} : { item }),
      ...(known.cursor === undefined ? {} : { cursor: known.cursor }),
    };
    const settle = (change: { known?: HeldPages<T>; error?: Error }) => {
      // Another list has taken this one's place.
      if (state.current.source !== source) return;
      state.current = { ...state.current, loading: false, ...change };
      redraw(undefined);
    };
    source.load(last, new AbortController().signal).then(
      (page) => {
        const now = state.current.known ?? known;
        const older = page.items.length === 0 ? now.older : [...now.older, page.items];
        settle({ known: { head: now.head, older, more: page.more, cursor: page.cursor } });
      },
      (error: Error) => settle({ error }),
    );
  }, [source]);

  const put = useCallback(
    (item: T) => {
      const { known } = state.current;
      early.current?.push(item);
      if (known === undefined) return;
      state.current = { ...state.current, known: withItem(source, known, item) };
      redraw(undefined);
    },
    [source],
  );

  const { known, error, loading } = state.current;
  return {
    pages: known === undefined ? undefined : [known.head, ...known.older],
    more: known?.more ?? false,
    loadingMore: loading,
    error,
    loadMore,
    refresh,
    put,
  };
}
