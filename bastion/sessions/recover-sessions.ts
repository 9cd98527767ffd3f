import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type RecoveredRecording, recoverRecordings } from '../../recordings/recover.ts';
import type { AuditSink, AuditSource, Json } from '../../shared/audit/event.ts';
import { type Clock, isoTime } from '../../shared/clock.ts';
import type { SessionSummary } from '../service.ts';
import { channelOfRecording, recordingFolder } from './recording-name.ts';
import type { EndedRecording, SessionStore } from './session-store.ts';
import { readSessionTrail, type SessionTrail } from './session-trail.ts';

/** Sessions that are put in order at once. */
const AT_ONCE = 64;

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
  const sessions = await store.listLeftLive();
  if (sessions.length === 0) return;
  const trails = new Map<string, SessionTrail>();
  await eachOf(sessions, async ({ id }) => {
    trails.set(id, await readSessionTrail(events, id));
  });
  const left = sessions.flatMap((session): LeftSession[] => {
    const trail = trails.get(session.id);
    return trail === undefined ? [] : [{ session, trail }];
  });
  await store.endRecordings(left.flatMap(closedAlready));
  const recordingCount = await closeRecordings(options, left);
  await audit.append({
    type: 'bastion.recovered',
    actor: 'system',
    sessions: left.slice(0, LISTED_MAX).map(({ session }) => session.id),
    sessionCount: left.length,
    recordingCount,
    ...(options.gapMs === undefined ? {} : { gapMs: options.gapMs }),
  });
  await eachOf(left, ({ session, trail }) => enterInterruption(audit, session, trail));
  const endedAt = isoTime(options.clock);
  await store.endAll(
    left.map(({ session: { id, bytesIn, bytesOut } }) => ({
      ...{ id, state: 'interrupted', endedAt, endReason: REASON, bytesIn, bytesOut },
    })),
  );
}

/**
 * Does something for all, many at a time: events that wait at once are stored by one write to the disk, and a bastion
 * that had a thousand sessions is back in seconds. Ends at the first failure.
 */
async function eachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items].reverse();
  const worker = async () => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await work(item);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    queue.length = 0;
  }
}

/** Recordings whose end is in the log, and not yet in the list. */
function closedAlready({ session, trail }: LeftSession): EndedRecording[] {
  return session.recordings.flatMap(({ channel, state }) => {
    const end = trail.closedRecordings.get(channel);
    return state === 'recording' && end !== undefined ? [{ session: session.id, channel, ...end }] : [];
  });
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
  const recovered: RecoveredRecording[] = [];
  // Only where they can be: years of other recordings lie beside.
  for (const folder of new Set(left.map(({ session }) => recordingFolder(session.startedAt)))) {
    const path = join(recordingsDirectory, folder);
    if (!existsSync(path)) continue;
    const found = await recoverRecordings(path, {
      ...(gapMs === undefined ? {} : { gapMs }),
      only: (file) => {
        const owner = ownerOf(file);
        return owner !== undefined && !owner.trail.closedRecordings.has(owner.channel);
      },
    });
    recovered.push(...found);
  }
  const ended: EndedRecording[] = [];
  await eachOf(recovered, async (found) => {
    const owner = ownerOf(found.path);
    if (owner === undefined) return;
    await enterRecording(audit, owner.session, owner.channel, owner.name, found);
    if (found.state === 'unreadable') return;
    const { state, sizeBytes, sha256 } = found;
    const durationMs = Math.round(found.durationMs);
    ended.push({ session: owner.session.id, channel: owner.channel, state, durationMs, sizeBytes, sha256 });
  });
  // A file that was made just before the kill may not be in the list; then this changes nothing.
  await store.endRecordings(ended);
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

async function enterInterruption(
  audit: AuditSink,
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
}

function subjectOf({ id, operator, host, login }: SessionSummary) {
  return { actor: 'system', operator, session: id, host, login } as const;
}
