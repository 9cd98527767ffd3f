import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { focusFirstField } from './first-field.ts';
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
  const form = useRef<HTMLFormElement>(null);
  // Where nothing is asked the button that closes keeps the cursor: Enter, pressed once too often, takes nothing away.
  useEffect(() => focusFirstField(form.current), []);
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        ref={form}
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
          <button type="submit" class={tone} disabled={disabled || action.running} aria-busy={action.running}>
            {action.running && <span class="spinner" aria-hidden="true" />}
            {submit}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
