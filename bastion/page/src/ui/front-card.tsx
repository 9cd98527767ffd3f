import type { ComponentChildren } from 'preact';
import { Icon } from './icon.tsx';

/** The one card of a page that is seen before one is signed in. */
export function FrontCard({
  title,
  class: className = '',
  children,
}: {
  readonly title: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <main class="center">
      <div class={`card sign-in ${className}`}>
        <span class="brand-mark big" aria-hidden="true">
          <Icon name="gate" />
        </span>
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}
