/** An element with text or children; texts of others become text nodes, never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  options: { readonly className?: string; readonly role?: string } = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (options.className !== undefined) made.className = options.className;
  if (options.role !== undefined) made.setAttribute('role', options.role);
  made.append(...children);
  return made;
}

/** A button that can't be pressed again while its work is under way. */
export function button(text: string, className: string, work: () => Promise<void>): HTMLButtonElement {
  const made = element('button', { className }, text);
  made.type = 'button';
  made.addEventListener('click', () => {
    made.disabled = true;
    void work().finally(() => {
      made.disabled = false;
    });
  });
  return made;
}

/** Replaces what the page shows. */
export function show(title: string, ...children: readonly Node[]): void {
  document.title = `${title} · Drawbridge`;
  const heading = element('h1', {}, title);
  heading.tabIndex = -1;
  document.getElementById('page')?.replaceChildren(heading, ...children);
  heading.focus();
}
