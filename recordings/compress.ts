import { createHash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { DrawbridgeError } from '../shared/errors.ts';
import { syncFolder } from './cast-file.ts';
import { digestOfCast } from './digest.ts';
import { gzipMember, MEMBER_CONTENT_BYTES } from './gzip-members.ts';
import { castBytes, GZIP_SUFFIX, openGzipCast, openStoredCast } from './stored-cast.ts';

/** A compressed file that is not finished; one that a killed process left behind is written anew. */
const UNFINISHED_SUFFIX = '.gz.new';

/** What compressing a recording has come to. Sizes in bytes. */
export type Compressed =
  | { readonly state: 'compressed'; readonly sizeBytes: number; readonly storedBytes: number }
  /** The file is not what the audit log says: it is left as it is, since it is evidence of something. */
  | { readonly state: 'differs' };

/**
 * Compresses the finished recording at `path` into `path.gz`, a file of gzip members that can be read from anywhere,
 * and removes the asciicast file once the other is complete, on the disk, and read back with the very digest
 * `expectedSha256` that the audit log has. Killed at any moment, at least one of the two is whole, and doing it again
 * finishes it.
 * @throws `recording.compression_failed`, system errors; the asciicast file is there then.
 */
export async function compressRecording(
  castPath: string,
  expectedSha256: string,
  signal?: AbortSignal,
): Promise<Compressed> {
  const unfinished = `${castPath}${UNFINISHED_SUFFIX}`;
  const folder = path.dirname(castPath);
  const { sizeBytes } = await sizeOf(castPath);
  const hash = createHash('sha256');
  await rm(unfinished, { force: true });
  const file = await open(unfinished, 'wx', 0o600);
  let storedBytes = 0;
  try {
    for await (const content of pieces(castPath, sizeBytes, signal)) {
      hash.update(content);
      const member = gzipMember(content);
      await file.writeFile(member);
      storedBytes += member.length;
    }
    await file.sync();
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  if (hash.digest('hex') !== expectedSha256.toLowerCase()) {
    await rm(unfinished, { force: true });
    return { state: 'differs' };
  }
  // What counts is what can be read back.
  const written = await openGzipCast(unfinished);
  try {
    const readBack = await digestOfCast(written, signal);
    if (readBack.sha256 !== expectedSha256.toLowerCase()) throw failed(castPath);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await written.close();
  }
  await rename(unfinished, `${castPath}${GZIP_SUFFIX}`);
  await syncFolder(folder);
  await rm(castPath);
  await syncFolder(folder);
  return { state: 'compressed', sizeBytes, storedBytes };
}

async function sizeOf(castPath: string): Promise<{ sizeBytes: number }> {
  const cast = await openStoredCast(castPath);
  await cast.close();
  return { sizeBytes: cast.sizeBytes };
}

async function* pieces(
  castPath: string,
  endBytes: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  let gathered: Buffer[] = [];
  let gatheredBytes = 0;
  for await (const piece of castBytes(castPath, { endBytes }, signal)) {
    gathered.push(piece);
    gatheredBytes += piece.length;
    if (gatheredBytes < MEMBER_CONTENT_BYTES) continue;
    const content = Buffer.concat(gathered);
    yield content.subarray(0, MEMBER_CONTENT_BYTES);
    gathered = content.length > MEMBER_CONTENT_BYTES ? [content.subarray(MEMBER_CONTENT_BYTES)] : [];
    gatheredBytes = content.length - MEMBER_CONTENT_BYTES;
  }
  if (gatheredBytes > 0) yield Buffer.concat(gathered);
}

function failed(castPath: string): DrawbridgeError {
  return new DrawbridgeError(
    'recording.compression_failed',
    `The compressed form of ${path.basename(castPath)} reads back differently, so the recording stays as it is.`,
    { hint: 'Check the disk and the memory of this machine.' },
  );
}
