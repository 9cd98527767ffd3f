import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Pages } from '../data/use-pages.ts';
import { ErrorNote } from './notes.tsx';

/** Pages this far above and below the window are drawn; all others only keep their place. */
const DRAWN_MARGIN = '1200px 0px';
/** The next page is asked for when the end of the list is this near. */
const AHEAD_MARGIN = '0px 0px 600px';

interface EndlessProps<T> {
  readonly list: Pages<T>;
  /** The word on the button that asks for the next page. */
  readonly more: string;
  readonly children: (items: readonly T[]) => ComponentChildren;
}

/**
 * A list as long as one cares to scroll: the next page comes by itself, and only what is near the window is drawn, so
 * that a hundred thousand rows weigh no more than two hundred.
 */
export function Endless<T>({ list, more, children }: EndlessProps<T>) {
  return (
    <>
      {list.pages?.map((items, index) => (
        <Drawn key={index} revision={items}>
          {() => children(items)}
        </Drawn>
      ))}
      {list.error !== undefined && <ErrorNote error={list.error} retry={list.refresh} />}
      {list.more && <End list={list} word={more} />}
    </>
  );
}

/** A page of a list, or an empty box of its height while it is far from the window. */
function Drawn({ children, revision }: { children: () => ComponentChildren; revision: unknown }) {
  const box = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(true);
  const height = useRef(0);
  useEffect(() => {
    if (box.current === null) return;
    // A busy page is told of several changes at once: how it is now is the last of them.
    const observer = new IntersectionObserver((changes) => setNear(changes.at(-1)?.isIntersecting ?? true), {
      rootMargin: DRAWN_MARGIN,
    });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    if (near && box.current !== null) height.current = box.current.offsetHeight;
  }, [near, revision]);
  return (
    <div ref={box} class="drawn" style={near ? undefined : { height: `${height.current}px` }}>
      {near && children()}
    </div>
  );
}

function End<T>({ list, word }: { list: Pages<T>; word: string }) {
  const box = useRef<HTMLDivElement>(null);
  const { loadMore, loadingMore, pages, error } = list;
  useEffect(() => {
    // After a failure the person decides when to try again.
    if (box.current === null || error !== undefined) return;
    const observer = new IntersectionObserver(
      (changes) => changes.at(-1)?.isIntersecting === true && loadMore(),
      { rootMargin: AHEAD_MARGIN },
    );
    observer.observe(box.current);
    return () => observer.disconnect();
    // A new page that is shorter than the window leaves the end in sight: then look again.
  }, [loadMore, pages?.length, error]);
  return (
    <div class="more" ref={box}>
      <button type="button" disabled={loadingMore} onClick={loadMore}>
        {loadingMore ? 'Loading…' : word}
      </button>
    </div>
  );
}
