import type { ComponentChildren } from 'preact';
import { ApiError } from '../data/api-client.ts';
import { Icon } from './icon.tsx';

/** Something failed: what, what to do, and a way to try again. */
export function ErrorNote({ error, retry }: { error: Error; retry?: () => void }) {
  const hint = error instanceof ApiError ? error.hint : undefined;
  return (
    <div class="note note-bad" role="alert">
      <Icon name="alert" />
      <span>
        {error.message} {hint !== undefined && <span class="muted">{hint}</span>}
      </span>
      {retry !== undefined && (
        <button type="button" class="small" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** There is nothing to show, which is not a fault. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children !== undefined && <p class="muted">{children}</p>}
    </div>
  );
}

/** Grey lines in place of rows that are on their way. */
export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <div class="loading" aria-busy="true">
      <span class="sr-only">Loading</span>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} class="skeleton" />
      ))}
    </div>
  );
}
