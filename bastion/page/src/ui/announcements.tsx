import { useEffect, useRef, useState } from 'preact/hooks';
import { type Announced, whatIsNew } from './what-is-new.ts';

/** Says to screen readers that the switch was turned and that an approval is asked for (WCAG 2.2, 4.1.3). */
export function Announcements({ access, waiting }: Announced) {
  const before = useRef<Announced>({ access: undefined, waiting: undefined });
  const [words, setWords] = useState('');
  useEffect(() => {
    const said = whatIsNew(before.current, { access, waiting });
    before.current = { access: access ?? before.current.access, waiting: waiting ?? before.current.waiting };
    if (said !== '') setWords(said);
  }, [access, waiting]);
  return (
    <div class="sr-only" aria-live="polite">
      {words}
    </div>
  );
}
