import { useState } from 'preact/hooks';
import { withQuery } from '../data/api-client.ts';
import type { SessionEvents } from '../data/use-session-events.ts';
import { Link } from '../router.tsx';
import { countWords } from '../ui/format.ts';
import { ErrorNote, Loading } from '../ui/notes.tsx';
import { EventRows } from './event-rows.tsx';

/** Rows that are drawn at first, and with each further wish. */
const ROWS_AT_ONCE = 300;

/** What the audit log says of a session, in its order. */
export function SessionEventList({ id, known }: { id: string; known: SessionEvents }) {
  const { events, error, isComplete, reload } = known;
  const [shown, setShown] = useState(ROWS_AT_ONCE);
  const log = withQuery('/audit', { session: id });
  return (
    <section class="block" aria-labelledby="events-title">
      <div class="block-head">
        <h2 id="events-title">What happened</h2>
        <Link href={log}>In the audit log</Link>
      </div>
      {events === undefined && error === undefined && <Loading />}
      {error !== undefined && <ErrorNote error={error} retry={reload} />}
      {events !== undefined && (
        <div class="events">
          <EventRows events={events.slice(0, shown)} linkSessions={false} />
          {events.length > shown && (
            <div class="more">
              <button type="button" onClick={() => setShown(shown + ROWS_AT_ONCE)}>
                Show more of {countWords(events.length, 'event')}
              </button>
            </div>
          )}
        </div>
      )}
      {events !== undefined && !isComplete && (
        <p class="muted events-note">
          These are the first {countWords(events.length, 'event')} of this session. The{' '}
          <Link href={log}>audit log</Link> has all of them.
        </p>
      )}
    </section>
  );
}
