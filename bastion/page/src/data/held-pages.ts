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

/** What is held of a list. */
export interface HeldPages<T> {
  readonly head: readonly T[];
  readonly older: readonly (readonly T[])[];
  readonly more: boolean;
  readonly cursor: number | undefined;
}

/** Items in front that came one by one; beyond it they are set off as a page of their own. */
const HEAD_LIMIT = 200;

/** Pages that are held while new items come in; the oldest are put away then, and are read anew when they are wanted. */
export const PAGES_HELD = 300;

/** What is held with its newest page read anew. */
export function withHead<T>(
  source: PageSource<T>,
  known: HeldPages<T> | undefined,
  page: Page<T>,
): HeldPages<T> {
  const fresh: HeldPages<T> = { head: page.items, older: [], more: page.more, cursor: page.cursor };
  const last = page.items.at(-1);
  if (known === undefined || last === undefined || !page.more) return fresh;
  const join = known.head.findIndex((item) => source.keyOf(item) === source.keyOf(last));
  // More than a page is new: what is known would leave a gap.
  if (join < 0) return fresh;
  return { ...known, head: [...page.items, ...known.head.slice(join + 1)] };
}

/** What is known with a new item in front, or a newer state of one in its place. */
export function withItem<T>(source: PageSource<T>, known: HeldPages<T>, item: T): HeldPages<T> {
  const key = source.keyOf(item);
  const place = (items: readonly T[]) => items.map((one) => (source.keyOf(one) === key ? item : one));
  const isKnown = (items: readonly T[]) => items.some((one) => source.keyOf(one) === key);
  if (isKnown(known.head)) return { ...known, head: place(known.head) };
  if (known.older.some(isKnown)) return { ...known, older: known.older.map(place) };
  const head = [item, ...known.head];
  if (head.length <= HEAD_LIMIT) return { ...known, head };
  const half = HEAD_LIMIT / 2;
  const older = [head.slice(half), ...known.older];
  if (older.length <= PAGES_HELD) return { ...known, head: head.slice(0, half), older };
  return { head: head.slice(0, half), older: older.slice(0, PAGES_HELD), more: true, cursor: undefined };
}
