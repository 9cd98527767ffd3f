import { DrawbridgeError } from '../../shared/errors.ts';
import type { RecordingSummary, SessionSummary } from '../service.ts';

/** A recording that is still there, and its session. */
export interface KeptRecording {
  readonly session: SessionSummary;
  readonly recording: RecordingSummary;
}

/**
 * The recording of one channel of a session.
 * @throws `recording.not_found`, and `recording.deleted` when the file is gone by retention or by an administrator
 */
export async function keptRecording(
  sessions: { find(id: string): Promise<SessionSummary | undefined> },
  id: string,
  channel: number,
): Promise<KeptRecording> {
  const session = await sessions.find(id);
  const recording = session?.recordings.find((item) => item.channel === channel);
  if (session === undefined || recording === undefined) {
    throw new DrawbridgeError(
      'recording.not_found',
      `There is no recording ${channel} of ${id.slice(0, 40)}.`,
    );
  }
  if (recording.deletedAt !== undefined) {
    throw new DrawbridgeError(
      'recording.deleted',
      `This recording was deleted on ${recording.deletedAt.slice(0, 10)}.`,
      { hint: 'The audit log says by whom and why, and keeps its digest.' },
    );
  }
  return { session, recording };
}
