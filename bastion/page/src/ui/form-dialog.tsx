import type { ComponentChildren } from 'preact';
import { Dialog } from './dialog.tsx';
import { ErrorNote } from './notes.tsx';
import type { Action } from './use-action.ts';

interface FormDialogProps {
  readonly title: string;
  /** What happens when the form is sent. */
  readonly action: Action<[]>;
  /** The word on the button that does it; a verb. */
  readonly submit: string;
  /** The word on the button that leaves all as it is. */
  readonly cancel?: string;
  /** `danger` for what cuts, ends or takes away. */
  readonly tone?: 'primary' | 'danger';
  readonly disabled?: boolean;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A dialog that asks before it does something: what it says and asks, its error, and the two ways out. */
export function FormDialog({
  title,
  action,
  submit,
  cancel = 'Cancel',
  tone = 'primary',
  disabled = false,
  onClose,
  children,
}: FormDialogProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          action.run();
        }}
      >
        {children}
        {action.error !== undefined && <ErrorNote error={action.error} />}
        <div class="dialog-buttons">
          <button type="button" onClick={onClose}>
            {cancel}
          </button>
          <button type="submit" class={tone} disabled={disabled || action.running}>
            {submit}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
