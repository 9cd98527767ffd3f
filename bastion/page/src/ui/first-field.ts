/** Puts the cursor where a person begins to type or choose. */
export function focusFirstField(form: HTMLFormElement | null): void {
  const field = form?.querySelector<HTMLElement>(
    'input:checked, input:not([type=hidden], [type=radio], :disabled), select, textarea',
  );
  field?.focus();
}
