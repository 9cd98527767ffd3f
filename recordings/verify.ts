import { digestFile, type FileDigest } from './digest.ts';

/** What came of comparing a recording with its digest in the audit log. */
export interface RecordingVerification extends FileDigest {
  readonly ok: boolean;
  readonly expectedSha256: string;
}

/** Compares the file at `path` with the SHA-256 (hexadecimal) that the audit log has of it. */
export async function verifyRecording(
  path: string,
  expectedSha256: string,
  options: { signal?: AbortSignal } = {},
): Promise<RecordingVerification> {
  const digest = await digestFile(path, options);
  return { ...digest, expectedSha256, ok: digest.sha256 === expectedSha256.toLowerCase() };
}
