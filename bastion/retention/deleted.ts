import { DrawbridgeError } from '../../shared/errors.ts';
import type { RecordingSummary } from '../service.ts';

/** @throws `recording.deleted` when the file is gone by retention or by an administrator */
export function assertNotDeleted(recording: RecordingSummary): void {
  if (recording.deletedAt === undefined) return;
  throw new DrawbridgeError(
    'recording.deleted',
    `This recording was deleted on ${recording.deletedAt.slice(0, 10)}.`,
    {
      hint: 'The audit log says by whom and why, and keeps its digest.',
    },
  );
}
