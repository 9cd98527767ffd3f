import type { AuditEntry } from '../../../web/api.ts';

/** Events of a session that its view holds; a session that copied a hundred thousand files is for the audit log's view. */
export const SESSION_EVENTS_LIMIT = 5_000;

/** What is held of a session's events. */
export interface HeldEvents {
  readonly id: string;
  readonly events?: readonly AuditEntry[];
  readonly isComplete: boolean;
  readonly error?: Error;
}

/** What is known of a session together with events that arrived. */
export function withArrived(known: HeldEvents, arrived: readonly AuditEntry[]): HeldEvents {
  // Of an incomplete list the end is not known, and what arrives does not follow on it.
  if (known.events === undefined || !known.isComplete) return known;
  const last = known.events.at(-1)?.seq ?? 0;
  const events = [...known.events, ...arrived.filter(({ seq }) => seq > last)];
  // A live session may go on for days; what it holds beyond the limit is in the audit log's view.
  return events.length <= SESSION_EVENTS_LIMIT
    ? { ...known, events }
    : { ...known, events: events.slice(0, SESSION_EVENTS_LIMIT), isComplete: false };
}
