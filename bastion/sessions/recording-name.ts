import { CAST_SUFFIX, ENCRYPTED_CAST_SUFFIX } from '../../recordings/format.ts';

/** Folder of the recordings of a session that started then (ISO time), below the recordings directory. */
export function recordingFolder(startedAt: string): string {
  return startedAt.slice(0, 10).replaceAll('-', '/');
}

/** Path of a channel's recording below the recordings directory; it says the same after a move to another disk. */
export function recordingName(
  session: { id: string; startedAt: string },
  channel: number,
  isEncrypted: boolean,
): string {
  const suffix = isEncrypted ? ENCRYPTED_CAST_SUFFIX : CAST_SUFFIX;
  return `${recordingFolder(session.startedAt)}/${session.id}-${channel}${suffix}`;
}

/** The channel that the recording of this name is of; undefined when it is none of ours. */
export function channelOfRecording(name: string): number | undefined {
  const digits = /-(\d{1,9})\.cast(?:\.age)?$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
