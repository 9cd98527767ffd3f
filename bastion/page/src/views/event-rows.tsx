import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import type { AuditEntry } from '../../../web/api.ts';
import { Link } from '../router.tsx';
import { actorWords, sizeWords } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { Moment } from '../ui/time.tsx';

/** Fields that a row shows already, or that only matter to a verifier. */
const SHOWN_FIELDS = new Set(['seq', 'id', 'time', 'type', 'actor', 'prev', 'hash']);
/** What an event is about and why, under the first of these names that it has. */
const SUBJECT_FIELDS = ['command', 'path', 'destination', 'username', 'name'];
const REASON_FIELDS = ['reason', 'message'];
const REFUSALS = /\.(refused|revoked|turned_off)$/;

interface EventRowsProps {
  readonly events: readonly AuditEntry[];
  readonly linkSessions: boolean;
}

/** Audit events as rows that open. */
export function EventRows({ events, linkSessions }: EventRowsProps) {
  return (
    <ul>
      {events.map((event) => (
        <li key={event.seq}>
          <EventRow event={event} linkSessions={linkSessions} />
        </li>
      ))}
    </ul>
  );
}

/** The details are made when they are first asked for: a log can have thousands of rows. */
function EventRow({ event, linkSessions }: { event: AuditEntry; linkSessions: boolean }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
      <summary>
        <Icon name="chevron" />
        <span class="event-time muted">
          <Moment at={event.time} />
        </span>
        <span class={`event-type ${REFUSALS.test(event.type) ? 'is-refusal' : ''}`}>{event.type}</span>
        <span class="event-words">{wordsOf(event)}</span>
      </summary>
      {open && <EventDetails event={event} linkSessions={linkSessions} />}
    </details>
  );
}

function EventDetails({ event, linkSessions }: { event: AuditEntry; linkSessions: boolean }) {
  const fields = Object.entries(event).filter(
    ([name, value]) => !SHOWN_FIELDS.has(name) && value !== undefined,
  );
  return (
    <dl class="facts event-facts">
      <Fact name="actor">{event.actor}</Fact>
      {fields.map(([name, value]) => (
        <Fact key={name} name={name}>
          {name === 'session' && linkSessions && typeof value === 'string' ? (
            <Link href={`/sessions/${encodeURIComponent(value)}`}>{value}</Link>
          ) : (
            <code>{typeof value === 'string' ? value : JSON.stringify(value)}</code>
          )}
        </Fact>
      ))}
      <Fact name="number">{event.seq}</Fact>
      <Fact name="time">{event.time}</Fact>
      <Fact name="hash">
        <code>{event.hash}</code>
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The gist in one line: who did it, whose session it was, on what, with what. */
function wordsOf(event: AuditEntry): string {
  const text = (name: string) => {
    const value = event[name];
    return typeof value === 'string' && value !== '' ? [value] : [];
  };
  const { actor, operator, host, login } = event;
  const bytes = event.type.startsWith('file.') ? event['size'] : undefined;
  const parts = [
    actorWords(actor),
    ...(operator === undefined ? [] : [operator]),
    ...(host === undefined ? [] : [login === undefined ? host : `${login}@${host}`]),
    ...SUBJECT_FIELDS.flatMap(text).slice(0, 1),
    ...(typeof bytes === 'number' ? [sizeWords(bytes)] : []),
    ...REASON_FIELDS.flatMap(text).slice(0, 1),
  ];
  return [...new Set(parts)].join(' · ');
}
