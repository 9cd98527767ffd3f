import type { AuditEntry, Recording } from '../../../web/api.ts';

/** Something that happened while a recording ran. */
export interface RecordingMoment {
  /** From the start of the recording. */
  readonly seconds: number;
  readonly label: string;
}

/** What people look for in a session: what was run, moved and tunnelled, and what was refused. */
const MARKED = /^(exec\.started|file\.|forward\.|listener\.|channel\.refused)/;
/** Fields that say what an event is about. */
const SUBJECTS = ['command', 'path', 'destination', 'reason'] as const;
/** A channel's first event is entered a little before its recording begins. */
const CLOCK_SLACK_MS = 1_000;

/** Commands, file transfers and forwards of the audit log, as places in a recording. */
export function momentsOf(events: readonly AuditEntry[], recording: Recording): readonly RecordingMoment[] {
  const startMs = Date.parse(recording.startedAt);
  const lengthMs = recording.durationMs ?? Number.POSITIVE_INFINITY;
  return events.flatMap((event) => {
    const offsetMs = Date.parse(event.time) - startMs;
    if (!MARKED.test(event.type) || offsetMs < -CLOCK_SLACK_MS || offsetMs > lengthMs) return [];
    const about = SUBJECTS.map((name) => event[name]).find((value) => typeof value === 'string');
    const label = about === undefined ? event.type : `${event.type} ${about}`;
    return [{ seconds: Math.max(0, offsetMs / 1000), label }];
  });
}
