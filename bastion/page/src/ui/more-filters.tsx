import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';

interface MoreFiltersProps {
  /** What is always there, left and right of the button that a phone has. */
  readonly before?: ComponentChildren;
  readonly after?: ComponentChildren;
  /** Some of those that a phone hides are set: then it shows them. */
  readonly isSet: boolean;
  readonly children: ComponentChildren;
}

/** The filters of a list. A phone shows most of them only when they are asked for. */
export function MoreFilters({ before, after, isSet, children }: MoreFiltersProps) {
  const moreId = useId();
  const [isOpen, setOpen] = useState(isSet);
  return (
    <>
      <div class="filters">
        {before}
        <button
          type="button"
          class="filter-toggle"
          aria-expanded={isOpen}
          aria-controls={moreId}
          onClick={() => setOpen(!isOpen)}
        >
          Filters
        </button>
        {after}
      </div>
      <div id={moreId} class={`filters more-filters ${isOpen ? 'is-open' : ''}`}>
        {children}
      </div>
    </>
  );
}
