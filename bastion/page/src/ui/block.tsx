import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface BlockProps {
  readonly title: string;
  /** The button beside the title, for a list to which one can add. */
  readonly action?: { readonly words: string; readonly run: () => void };
  readonly children: ComponentChildren;
}

/** A part of a view under a title of its own. */
export function Block({ title, action, children }: BlockProps) {
  const titleId = useId();
  return (
    <section class="block" aria-labelledby={titleId}>
      <div class="block-head">
        <h2 id={titleId}>{title}</h2>
        {action !== undefined && (
          <button type="button" class="small" onClick={action.run}>
            {action.words}
          </button>
        )}
      </div>
      {children}
    </section>
  );
}
