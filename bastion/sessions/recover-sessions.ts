import { relative } from 'node:path';
import { type RecoveredRecording, recoverRecordings } from '../../recordings/recover.ts';
import type { AuditSink, Json } from '../../shared/audit/event.ts';
import { type Clock, isoTime } from '../../shared/clock.ts';
import type { SessionSummary } from '../service.ts';
import type { SessionStore } from './session-store.ts';

/** Recordings and sessions named one by one in the event; the counts hold for all. */
const LISTED_MAX = 200;

/**
 * Puts in order what the process before this one left behind when it was killed: marks its live sessions as
 * interrupted, closes their recordings, and enters it all.
 * @throws `audit.unavailable`, `store.*`: then the bastion must not start to admit.
 */
export async function recoverSessions(options: {
  store: SessionStore;
  audit: AuditSink;
  clock: Clock;
  recordingsDirectory: string;
}): Promise<void> {
  const { store, audit, clock, recordingsDirectory } = options;
  const left = await store.listLeftLive();
  const open = left.flatMap((session) =>
    session.recordings
      .filter((recording) => recording.state === 'recording')
      .map((recording) => ({ session, recording })),
  );
  if (left.length === 0) return;
  const byPath = new Map(open.map((item) => [item.recording.path, item]));
  const recovered = await recoverRecordings(recordingsDirectory, { only: (path) => byPath.has(path) });
  for (const found of recovered) {
    const item = byPath.get(found.path);
    if (item === undefined) continue;
    await enterRecording(audit, item.session, item.recording.channel, found, recordingsDirectory);
    if (found.state === 'unreadable') continue;
    await store.endRecording(item.session.id, item.recording.channel, {
      state: found.state,
      durationMs: Math.round(found.durationMs),
      sizeBytes: found.sizeBytes,
      sha256: found.sha256,
    });
  }
  await audit.append({
    type: 'bastion.recovered',
    actor: 'system',
    sessions: left.slice(0, LISTED_MAX).map((session) => session.id),
    sessionCount: left.length,
    recordingCount: recovered.length,
  });
  for (const session of left) await interrupt(store, audit, clock, session);
}

async function enterRecording(
  audit: AuditSink,
  session: SessionSummary,
  channel: number,
  found: RecoveredRecording,
  recordingsDirectory: string,
): Promise<void> {
  const fields: Record<string, Json> =
    found.state === 'unreadable'
      ? { complete: false, problem: found.problem }
      : {
          sha256: found.sha256,
          sizeBytes: found.sizeBytes,
          complete: found.state === 'closed',
          cutBytes: found.cutBytes,
        };
  await audit.append({
    type: 'recording.closed',
    actor: 'system',
    operator: session.operator,
    session: session.id,
    host: session.host,
    login: session.login,
    channel,
    path: relative(recordingsDirectory, found.path),
    ...fields,
  });
}

async function interrupt(
  store: SessionStore,
  audit: AuditSink,
  clock: Clock,
  session: SessionSummary,
): Promise<void> {
  const reason = 'The bastion was stopped or killed while the session was live.';
  await audit.append({
    type: 'session.ended',
    actor: 'system',
    operator: session.operator,
    session: session.id,
    host: session.host,
    login: session.login,
    code: 'session.interrupted',
    reason,
  });
  await store.end(session.id, {
    state: 'interrupted',
    endedAt: isoTime(clock),
    endReason: reason,
    bytesIn: session.bytesIn,
    bytesOut: session.bytesOut,
  });
}
