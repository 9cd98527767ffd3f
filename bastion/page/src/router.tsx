import { type ComponentChildren, createContext } from 'preact';
import { useCallback, useContext, useEffect, useMemo, useState } from 'preact/hooks';
import { basePath, withBase } from './data/base-path.ts';

/** Where the page is, and how to go elsewhere. */
export interface Location {
  readonly path: string;
  readonly query: URLSearchParams;
  /** `replace` changes the address without a step for the back button. */
  go(to: string, options?: { readonly replace?: boolean }): void;
}

const LocationContext = createContext<Location | undefined>(undefined);

const here = () => window.location.pathname.slice(basePath().length) + window.location.search;

/** Follows the browser's address. */
export function Router({ children }: { children: ComponentChildren }) {
  const [address, setAddress] = useState(here);
  useEffect(() => {
    const follow = () => setAddress(here());
    window.addEventListener('popstate', follow);
    return () => window.removeEventListener('popstate', follow);
  }, []);
  const go = useCallback<Location['go']>((to, options) => {
    if (options?.replace === true) window.history.replaceState(null, '', withBase(to));
    else {
      window.history.pushState(null, '', withBase(to));
      window.scrollTo(0, 0);
    }
    setAddress(here());
  }, []);
  const location = useMemo<Location>(() => {
    const url = new URL(address, window.location.origin);
    return { path: url.pathname, query: url.searchParams, go };
  }, [address, go]);
  return <LocationContext.Provider value={location}>{children}</LocationContext.Provider>;
}

export function useLocation(): Location {
  const location = useContext(LocationContext);
  if (location === undefined) throw new Error('there is no router around this');
  return location;
}

interface LinkProps {
  readonly href: string;
  readonly class?: string;
  readonly current?: boolean;
  readonly label?: string;
  readonly children: ComponentChildren;
}

/** A link to a view: an ordinary one, so that opening it in a new tab and copying it work. */
export function Link({ href, class: className, current, label, children }: LinkProps) {
  const { go } = useLocation();
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(href);
  };
  return (
    <a
      href={withBase(href)}
      class={className}
      aria-current={current === true ? 'page' : undefined}
      aria-label={label}
      onClick={follow}
    >
      {children}
    </a>
  );
}
