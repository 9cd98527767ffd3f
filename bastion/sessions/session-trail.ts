import type { AuditEvent, AuditEventType, AuditSource } from '../../shared/audit/event.ts';

/** Events read at a time. */
const PAGE_EVENTS = 1000;

/** Which event ends what each event begins. */
const ENDS: Readonly<Record<string, AuditEventType>> = {
  'shell.started': 'shell.ended',
  'exec.started': 'exec.ended',
  'forward.opened': 'forward.closed',
};

/** The end of a recording, as the log has it. */
export interface ClosedRecording {
  readonly state: 'closed' | 'interrupted';
  readonly durationMs: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** What the audit log has of one session. */
export interface SessionTrail {
  readonly ended: boolean;
  /** Channels that have begun and not ended, with the type of the event that says so. */
  readonly openChannels: readonly { readonly channel: number; readonly type: AuditEventType }[];
  /** By channel. */
  readonly closedRecordings: ReadonlyMap<number, ClosedRecording>;
}

/** Reads what the log has of the session `id`. @throws `store.*` */
export async function readSessionTrail(
  events: Pick<AuditSource, 'query'>,
  id: string,
): Promise<SessionTrail> {
  const open = new Map<number, AuditEventType>();
  const closedRecordings = new Map<number, ClosedRecording>();
  let ended = false;
  for await (const event of eventsOf(events, id)) {
    if (event.type === 'session.ended') ended = true;
    const channel = event['channel'];
    if (typeof channel !== 'number') continue;
    const end = ENDS[event.type];
    if (end !== undefined) open.set(channel, end);
    else if (open.get(channel) === event.type) open.delete(channel);
    else if (event.type === 'recording.closed') {
      const recording = closedRecordingOf(event);
      if (recording !== undefined) closedRecordings.set(channel, recording);
    }
  }
  return { ended, openChannels: [...open].map(([channel, type]) => ({ channel, type })), closedRecordings };
}

async function* eventsOf(events: Pick<AuditSource, 'query'>, session: string): AsyncGenerator<AuditEvent> {
  for (let after = 0; ; ) {
    const page = await events.query({ session, after, limit: PAGE_EVENTS });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_EVENTS) return;
    after = last.seq;
  }
}

function closedRecordingOf(event: AuditEvent): ClosedRecording | undefined {
  const { sha256, sizeBytes, durationMs, complete } = event;
  if (typeof sha256 !== 'string' || typeof sizeBytes !== 'number') return undefined;
  return {
    state: complete === true ? 'closed' : 'interrupted',
    durationMs: typeof durationMs === 'number' ? durationMs : 0,
    sizeBytes,
    sha256,
  };
}
