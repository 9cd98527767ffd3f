import type { ComponentChildren } from 'preact';
import { CopyLine } from './copy-line.tsx';
import { Dialog } from './dialog.tsx';

interface ShownOnceProps {
  readonly title: string;
  readonly secret: string;
  /** What the button copies, for screen readers. */
  readonly label: string;
  readonly onClose: () => void;
  /** Whom it is for, and how it is used. */
  readonly children: ComponentChildren;
}

/** Something secret that was just made: to be copied now, since it is not shown again. */
export function ShownOnce({ title, secret, label, onClose, children }: ShownOnceProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{children}</p>
      <CopyLine text={secret} label={label} />
      <div class="dialog-buttons">
        <button type="button" class="primary" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}
