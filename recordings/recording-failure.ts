import path from 'node:path';
import { DrawbridgeError } from '../shared/errors.ts';

/** What whoever records must see to: the session ends, or does not begin. */
export function recordingFailed(sentence: string, filePath: string, cause: unknown): DrawbridgeError {
  return new DrawbridgeError('recording.failed', sentence, {
    hint: `Check free space and permissions of ${path.dirname(filePath)}.`,
    cause,
  });
}
