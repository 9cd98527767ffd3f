import type { Clock } from '../shared/clock.ts';
import type { DrawbridgeError } from '../shared/errors.ts';
import type { FileDigest } from './digest.ts';
import type { AgeRecipient } from './encryption/age-recipient.ts';
import type { SyncSchedule } from './sync-schedule.ts';

/** A recording ends the session when it has grown so large, unless the caller sets another limit. */
export const RECORDING_LIMIT_BYTES = 64 * 1024 ** 3;

/** What `Recorder.create` needs besides path and header. */
export interface RecorderOptions {
  readonly clock: Clock;
  /** True when the channel has a terminal: then incomplete characters are held back for `HELD_TAIL_MS`. */
  readonly pty: boolean;
  /** Bytes that were held back and are recorded now: send them to the operator at once. Must not throw. */
  readonly onHeldRelease?: (chunk: Buffer) => void;
  /** The recording failed outside a call (a timer, the disk): end the session. Called at most once. */
  readonly onFailure?: (error: DrawbridgeError) => void;
  /** Defaults to {@link RECORDING_LIMIT_BYTES}. */
  readonly limitBytes?: number;
  /** Shared by all recordings of a process; one of its own when left out. */
  readonly sync?: SyncSchedule;
  /** Who alone can read the file; unencrypted without it. */
  readonly encryptTo?: readonly AgeRecipient[];
}

/** What became of a closed recording. */
export interface RecordingDigest extends FileDigest {
  readonly durationMs: number;
  /** False when the recording failed: then the file ends at the last event that could be written. */
  readonly complete: boolean;
  /** Why it is not complete. */
  readonly failure?: DrawbridgeError;
}
