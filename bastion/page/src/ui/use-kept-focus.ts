import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/**
 * Puts the focus on `home` when what had it is taken away: the row that was revoked, the button that became a player.
 * A keyboard or a screen reader would otherwise begin again at the top of the page.
 */
export function useKeptFocus(home: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    let last: Element | null = null;
    const remember = (event: FocusEvent) => {
      last = event.target instanceof Element ? event.target : null;
    };
    const rescue = () => {
      const { activeElement, body } = document;
      if (last === null || last.isConnected || activeElement !== body) return;
      last = null;
      home.current?.focus({ preventScroll: true });
    };
    const observer = new MutationObserver(rescue);
    observer.observe(document.body, { childList: true, subtree: true });
    document.addEventListener('focusin', remember);
    return () => {
      observer.disconnect();
      document.removeEventListener('focusin', remember);
    };
  }, [home]);
}
