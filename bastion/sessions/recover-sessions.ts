import { relative } from 'node:path';
import { type RecoveredRecording, recoverRecordings } from '../../recordings/recover.ts';
import type { AuditSink, AuditSource, Json } from '../../shared/audit/event.ts';
import { type Clock, isoTime } from '../../shared/clock.ts';
import type { SessionSummary } from '../service.ts';
import { channelOfRecording, recordingFolder } from './recording-name.ts';
import type { SessionStore } from './session-store.ts';
import { readSessionTrail, type SessionTrail } from './session-trail.ts';

/** Sessions named one by one in the event; the counts hold for all. */
const LISTED_MAX = 200;

const REASON = 'The bastion was stopped or killed while the session was live.';

export interface RecoverSessionsOptions {
  readonly store: SessionStore;
  readonly audit: AuditSink;
  /** What the process before this one entered. */
  readonly events: Pick<AuditSource, 'query'>;
  readonly clock: Clock;
  readonly recordingsDirectory: string;
  /** The machine stopped as well: so much may be missing at the end of recordings. */
  readonly gapMs?: number;
}

/** A session that was left live, with what the log has of it. */
interface LeftSession {
  readonly session: SessionSummary;
  readonly trail: SessionTrail;
}

/**
 * Puts in order what the process before this one left behind when it was killed: closes the recordings of its live
 * sessions, enters the end of their channels and of the sessions, and marks them as interrupted. What was entered
 * before the kill is not entered again: a recording whose digest is in the log is not touched.
 * @throws `audit.unavailable`, `store.*`: then the bastion must not start to admit.
 */
export async function recoverSessions(options: RecoverSessionsOptions): Promise<void> {
  const { store, audit, events } = options;
  const left: LeftSession[] = [];
  for (const session of await store.listLeftLive()) {
    left.push({ session, trail: await readSessionTrail(events, session.id) });
  }
  if (left.length === 0) return;
  for (const { session, trail } of left) await takeOverClosed(store, session, trail);
  const recordingCount = await closeRecordings(options, left);
  await audit.append({
    type: 'bastion.recovered',
    actor: 'system',
    sessions: left.slice(0, LISTED_MAX).map(({ session }) => session.id),
    sessionCount: left.length,
    recordingCount,
    ...(options.gapMs === undefined ? {} : { gapMs: options.gapMs }),
  });
  for (const { session, trail } of left) await interrupt(options, session, trail);
}

/** Recordings whose end is in the log, and not yet in the list. */
async function takeOverClosed(
  store: SessionStore,
  session: SessionSummary,
  trail: SessionTrail,
): Promise<void> {
  for (const { channel, state } of session.recordings) {
    const end = trail.closedRecordings.get(channel);
    if (state === 'recording' && end !== undefined) await store.endRecording(session.id, channel, end);
  }
}

async function closeRecordings(
  options: RecoverSessionsOptions,
  left: readonly LeftSession[],
): Promise<number> {
  const { store, audit, recordingsDirectory, gapMs } = options;
  const byFolderAndId = new Map(
    left.map((item) => [`${recordingFolder(item.session.startedAt)}/${item.session.id}`, item]),
  );
  const ownerOf = (path: string): (LeftSession & { channel: number; name: string }) | undefined => {
    const name = relative(recordingsDirectory, path);
    const channel = channelOfRecording(name);
    const item = channel === undefined ? undefined : byFolderAndId.get(name.slice(0, name.lastIndexOf('-')));
    return item === undefined || channel === undefined ? undefined : { ...item, channel, name };
  };
  const recovered = await recoverRecordings(recordingsDirectory, {
    ...(gapMs === undefined ? {} : { gapMs }),
    only: (path) => {
      const owner = ownerOf(path);
      return owner !== undefined && !owner.trail.closedRecordings.has(owner.channel);
    },
  });
  for (const found of recovered) {
    const owner = ownerOf(found.path);
    if (owner === undefined) continue;
    await enterRecording(audit, owner.session, owner.channel, owner.name, found);
    if (found.state === 'unreadable') continue;
    // A file that was made just before the kill may not be in the list; then this changes nothing.
    await store.endRecording(owner.session.id, owner.channel, {
      state: found.state,
      durationMs: Math.round(found.durationMs),
      sizeBytes: found.sizeBytes,
      sha256: found.sha256,
    });
  }
  return recovered.length;
}

async function enterRecording(
  audit: AuditSink,
  session: SessionSummary,
  channel: number,
  path: string,
  found: RecoveredRecording,
): Promise<void> {
  const fields: Record<string, Json> =
    found.state === 'unreadable'
      ? { complete: false, problem: found.problem }
      : {
          sha256: found.sha256,
          sizeBytes: found.sizeBytes,
          durationMs: Math.round(found.durationMs),
          complete: found.state === 'closed',
          cutBytes: found.cutBytes,
          ...(found.gapMs === undefined ? {} : { gapMs: found.gapMs }),
        };
  await audit.append({ type: 'recording.closed', ...subjectOf(session), channel, path, ...fields });
}

async function interrupt(
  { store, audit, clock }: RecoverSessionsOptions,
  session: SessionSummary,
  trail: SessionTrail,
): Promise<void> {
  for (const { channel, type } of trail.openChannels) {
    await audit.append({ type, ...subjectOf(session), channel, interrupted: true, problem: REASON });
  }
  if (!trail.ended) {
    await audit.append({
      type: 'session.ended',
      ...subjectOf(session),
      code: 'session.interrupted',
      reason: REASON,
      interrupted: true,
      bytesIn: session.bytesIn,
      bytesOut: session.bytesOut,
    });
  }
  await store.end(session.id, {
    state: 'interrupted',
    endedAt: isoTime(clock),
    endReason: REASON,
    bytesIn: session.bytesIn,
    bytesOut: session.bytesOut,
  });
}

function subjectOf({ id, operator, host, login }: SessionSummary) {
  return { actor: 'system', operator, session: id, host, login } as const;
}
