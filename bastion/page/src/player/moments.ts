import type { AuditEntry, Recording } from '../../../web/api.ts';

/** Something that happened while a recording ran. */
export interface RecordingMoment {
  /** From the start of the recording. */
  readonly seconds: number;
  readonly label: string;
}

/** File transfers and forwards of the audit log, as places in a recording. */
export function momentsOf(events: readonly AuditEntry[], recording: Recording): readonly RecordingMoment[] {
  const startMs = Date.parse(recording.startedAt);
  const lengthMs = recording.durationMs ?? Number.POSITIVE_INFINITY;
  return events.flatMap((event) => {
    const offsetMs = Date.parse(event.time) - startMs;
    if (!/^(file|forward)\./.test(event.type) || offsetMs < 0 || offsetMs > lengthMs) return [];
    const path = event['path'];
    const label = typeof path === 'string' ? `${event.type} ${path}` : event.type;
    return [{ seconds: offsetMs / 1000, label }];
  });
}
