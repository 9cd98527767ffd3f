import { useState } from 'preact/hooks';
import type { AuditEntry, Recording, Session } from '../../../web/api.ts';
import { Replay } from '../player/replay.tsx';
import { Watch } from '../player/watch.tsx';
import { useLocation } from '../router.tsx';
import { Empty } from '../ui/notes.tsx';
import { RecordingPanel } from './recording-panel.tsx';
import { Verification } from './verification.tsx';

interface DeskProps {
  readonly session: Session;
  readonly events: readonly AuditEntry[];
}

/** The recordings of a session: which one, what it shows, and what is where in it. */
export function RecordingDesk({ session, events }: DeskProps) {
  const { path, query, go } = useLocation();
  const asked = Number(query.get('channel') ?? 0);
  const recording = session.recordings.find(({ channel }) => channel === asked) ?? session.recordings[0];
  if (recording === undefined) {
    return (
      <Empty title="No recording">
        {session.state === 'live'
          ? 'Nothing was opened in this session yet.'
          : 'File transfers and forwards are counted and hashed instead; see below.'}
      </Empty>
    );
  }
  return (
    <>
      {session.recordings.length > 1 && (
        <fieldset class="segments wrap" aria-label="Recordings">
          {session.recordings.map((one) => (
            <button
              key={one.channel}
              type="button"
              aria-pressed={one.channel === recording.channel}
              onClick={() => go(`${path}?channel=${one.channel}`, { replace: true })}
            >
              {recordingWords(one)}
            </button>
          ))}
        </fieldset>
      )}
      <OneRecording key={recording.channel} session={session} recording={recording} events={events} />
    </>
  );
}

function OneRecording({ session, recording, events }: DeskProps & { recording: Recording }) {
  const [hits, setHits] = useState<readonly number[]>([]);
  const isLive = recording.state === 'recording' && session.state === 'live';
  const isThere = recording.deletedAt === undefined;
  return (
    <div class={`session-grid ${isLive ? 'is-live' : ''}`}>
      <div class="session-main">
        {recording.command !== undefined && (
          <pre class="command">
            <code>{recording.command}</code>
          </pre>
        )}
        {isLive && <Watch sessionId={session.id} />}
        {!isLive && isThere && (
          <Replay sessionId={session.id} recording={recording} events={events} hits={hits} />
        )}
        {!isThere && (
          <Empty title="This recording was deleted">
            Its digest stays in the audit log, which says by whom.
          </Empty>
        )}
        {!isLive && isThere && <Verification sessionId={session.id} recording={recording} />}
      </div>
      {!isLive && isThere && (
        <RecordingPanel sessionId={session.id} recording={recording} events={events} onHits={setHits} />
      )}
    </div>
  );
}

function recordingWords(recording: Recording): string {
  const what = recording.kind === 'shell' ? 'Shell' : (recording.command ?? 'File transfer');
  return `${recording.channel} · ${what.length > 28 ? `${what.slice(0, 27)}…` : what}`;
}
