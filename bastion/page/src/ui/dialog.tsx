import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog: the focus stays inside, Escape closes it, and the focus goes back to what opened it. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const onCloseNow = useRef(onClose);
  onCloseNow.current = onClose;
  useLayoutEffect(() => {
    const dialog = element.current;
    if (dialog === null) return;
    const opener = document.activeElement;
    const closed = () => onCloseNow.current();
    // Left to the browser, Escape gives the focus back first and tells of it later: a key that is pressed between the two
    // would open what is being closed.
    const cancelled = (event: Event) => {
      event.preventDefault();
      closed();
    };
    dialog.showModal();
    dialog.addEventListener('cancel', cancelled);
    dialog.addEventListener('close', closed);
    return () => {
      // Its own closing, when the view takes it away, is no wish of the person's.
      dialog.removeEventListener('close', closed);
      dialog.close();
      // A browser puts the focus back only for a dialog that is still in the page.
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog ref={element} aria-labelledby={titleId}>
      <div class="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <button type="button" class="quiet icon-only" aria-label="Close" onClick={onClose}>
          <Icon name="cross" />
        </button>
      </div>
      {children}
    </dialog>
  );
}
