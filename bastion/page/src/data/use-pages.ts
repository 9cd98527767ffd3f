import { useCallback, useEffect, useReducer, useRef } from 'preact/hooks';

/** A part of a list, newest first, and whether there is more behind it. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly more: boolean;
  /** Where to go on, when that is not behind the last item. */
  readonly cursor?: number;
}

/** Where a list comes from. Has to be the same object as long as the list is the same one. */
export interface PageSource<T> {
  keyOf(item: T): string;
  /** The newest page, or the one behind `last`. */
  load(
    last: { readonly item?: T; readonly cursor?: number } | undefined,
    signal: AbortSignal,
  ): Promise<Page<T>>;
}

interface Known<T> {
  readonly head: readonly T[];
  readonly older: readonly (readonly T[])[];
  readonly more: boolean;
  readonly cursor: number | undefined;
}

/** A list that grows at both ends. */
export interface Pages<T> {
  /** Undefined until the first page is there. */
  readonly pages: readonly (readonly T[])[] | undefined;
  readonly more: boolean;
  readonly loadingMore: boolean;
  readonly error: Error | undefined;
  loadMore(): void;
  /** Reads the newest page anew and keeps what is older. */
  refresh(): void;
  /** Puts a new item in front, or a newer state of one in its place. */
  put(item: T): void;
}

/** Items in front that came one by one; beyond it they are set off as a page of their own. */
const HEAD_LIMIT = 200;

/** Loads a list page by page, the next one when it is asked for, and keeps its front fresh. */
export function usePages<T>(source: PageSource<T>): Pages<T> {
  const state = useRef<{ source: PageSource<T>; known?: Known<T>; error?: Error; loading: boolean }>({
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
    source.load(undefined, mine.signal).then(
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
    refresh();
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
    const settle = (change: { known?: Known<T>; error?: Error }) => {
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

function withHead<T>(source: PageSource<T>, known: Known<T> | undefined, page: Page<T>): Known<T> {
  const fresh: Known<T> = { head: page.items, older: [], more: page.more, cursor: page.cursor };
  const last = page.items.at(-1);
  if (known === undefined || last === undefined || !page.more) return fresh;
  const join = known.head.findIndex((item) => source.keyOf(item) === source.keyOf(last));
  // More than a page is new: what is known would leave a gap.
  if (join < 0) return fresh;
  return { ...known, head: [...page.items, ...known.head.slice(join + 1)] };
}

function withItem<T>(source: PageSource<T>, known: Known<T>, item: T): Known<T> {
  const key = source.keyOf(item);
  const place = (items: readonly T[]) => items.map((one) => (source.keyOf(one) === key ? item : one));
  const isKnown = (items: readonly T[]) => items.some((one) => source.keyOf(one) === key);
  if (isKnown(known.head)) return { ...known, head: place(known.head) };
  if (known.older.some(isKnown)) return { ...known, older: known.older.map(place) };
  const head = [item, ...known.head];
  if (head.length <= HEAD_LIMIT) return { ...known, head };
  const half = HEAD_LIMIT / 2;
  return { ...known, head: head.slice(0, half), older: [head.slice(half), ...known.older] };
}
