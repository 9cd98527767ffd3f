import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { DrawbridgeError, messageOf } from '../shared/errors.ts';
import { syncFolder, UNFINISHED_SUFFIX } from './cast-file.ts';
import { type FileDigest, GrowingDigest } from './digest.ts';
import { readAgeHeader } from './encryption/age-cast.ts';
import { aboutInHeader } from './encryption/age-header.ts';
import {
  CAST_SUFFIX,
  EVENT_CODE,
  INTERRUPTED_LABEL,
  LINE_LIMIT_BYTES,
  parseEventLine,
  parseHeaderLine,
} from './format.ts';
import { isEncryptedCast } from './stored-cast.ts';

/** Recordings worked on at once: enough to keep the disk busy, and little memory. */
const FILES_AT_ONCE = 16;

/** The end of a file is looked at in steps of so many bytes. */
const TAIL_BYTES = 64 * 1024;

/** So many lines that are no events may stand at the end of a file; with more, it is not a torn recording. */
const BAD_LINES_LIMIT = 1000;

const NEWLINE = 0x0a;

/** What was found of one recording. */
export type RecoveredRecording =
  | (FileDigest & {
      readonly state: 'closed' | 'interrupted';
      readonly path: string;
      /** Time of its last event, from its start. */
      readonly durationMs: number;
      /** Bytes of a torn last line (or of what a power cut left there) that were cut off now. */
      readonly cutBytes: number;
      /** True when the file was changed now. */
      readonly changed: boolean;
      /** What may be missing at its end. */
      readonly gapMs?: number;
    })
  | { readonly state: 'unreadable'; readonly path: string; readonly problem: string };

/** Options for {@link recoverRecordings}. */
export interface RecoverOptions {
  /**
   * Which files to look at; all when left out. Give those that were not closed according to the bastion's records:
   * a recording that failed has no end event, and its digest is in the audit log already.
   */
  readonly only?: (path: string) => boolean;
  /**
   * The machine itself stopped, so that what was written within so long before may be missing; said by a marker of its
   * own. Without it the process alone was killed, and nothing is missing.
   */
  readonly gapMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Closes the recordings under `folder` that a killed process left open: cuts half a line off the end and appends the
 * marker `interrupted` at the time of the last event, so that they can be played. Reports the digest of each file
 * that it looked at. Doing it again changes nothing.
 *
 * A file without a readable header is left as it is and reported: it is evidence of something.
 */
export async function recoverRecordings(
  folder: string,
  options: RecoverOptions = {},
): Promise<RecoveredRecording[]> {
  const queue = (await castFiles(folder)).filter((file) => options.only?.(file) ?? true).reverse();
  const found: RecoveredRecording[] = [];
  const folders = new Set<string>();
  const worker = async () => {
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      options.signal?.throwIfAborted();
      const recording = await recoverRecording(file, options);
      found.push(recording);
      folders.add(path.dirname(file));
    }
  };
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker));
  for (const changed of folders) await syncFolder(changed);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Like {@link recoverRecordings} for one file. */
export async function recoverRecording(
  file: string,
  options: Omit<RecoverOptions, 'only'> = {},
): Promise<RecoveredRecording> {
  try {
    const handle = await open(file, 'r+');
    try {
      const close = isEncryptedCast(file)
        ? closeEncrypted(file, handle, options)
        : closeFile(handle, options);
      return { path: file, ...(await close) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    return { state: 'unreadable', path: file, problem: messageOf(error) };
  }
}

async function closeFile(file: FileHandle, { signal, gapMs }: RecoverOptions) {
  const sizeBytes = (await file.stat()).size;
  const last = await lastGoodLine(file, sizeBytes);
  const cutBytes = sizeBytes - last.endBytes;
  if (cutBytes > 0) await file.truncate(last.endBytes);
  let endBytes = last.endBytes;
  if (last.state === 'interrupted' && !last.marked) {
    const labels = gapMs === undefined ? [INTERRUPTED_LABEL] : [gapLabel(gapMs), INTERRUPTED_LABEL];
    const lines = labels.map((label) => `[${last.time.toFixed(6)}, "${EVENT_CODE.marker}", "${label}"]\n`);
    const marker = Buffer.from(lines.join(''));
    for (let offset = 0; offset < marker.length; ) {
      offset += (await file.write(marker, offset, marker.length - offset, endBytes + offset)).bytesWritten;
    }
    endBytes += marker.length;
  }
  const changed = endBytes !== sizeBytes || cutBytes > 0;
  const digest = await durableDigest(file, endBytes, signal);
  const isGap = last.state === 'interrupted' && gapMs !== undefined;
  const gap = isGap ? { gapMs } : {};
  return { ...digest, ...gap, state: last.state, durationMs: last.time * 1000, cutBytes, changed };
}

/**
 * An encrypted recording stays as it is: without the key nothing can be added, and every beginning of it can be read.
 * That it was interrupted, and that something may be missing, stands in the audit log alone.
 */
async function closeEncrypted(path: string, file: FileHandle, { signal, gapMs }: RecoverOptions) {
  const about = aboutInHeader(await readAgeHeader(path));
  // What was to take its place when the process was killed: the recording itself is whole without it.
  await rm(`${path}${UNFINISHED_SUFFIX}`, { force: true });
  const { size, mtimeMs } = await file.stat();
  const digest = await durableDigest(file, size, signal);
  const durationMs = Math.max(0, mtimeMs - (startedMsOf(about) ?? mtimeMs));
  const gap = gapMs === undefined ? {} : { gapMs };
  return { ...digest, ...gap, state: 'interrupted' as const, durationMs, cutBytes: 0, changed: false };
}

/** The digest goes into the log: a power cut afterwards must not take what it is of. */
async function durableDigest(file: FileHandle, endBytes: number, signal: AbortSignal | undefined) {
  await file.datasync();
  const digest = new GrowingDigest();
  await digest.advance(file.fd, endBytes, signal);
  return digest.current();
}

function startedMsOf(about: unknown): number | undefined {
  if (typeof about !== 'object' || about === null || !('timestamp' in about)) return undefined;
  return typeof about.timestamp === 'number' ? about.timestamp * 1000 : undefined;
}

/** Label of the marker that says that the machine stopped before the last moment was on the disk. */
function gapLabel(gapMs: number): string {
  return `gap: the machine stopped, up to ${gapMs / 1000} s may be missing`;
}

interface LastLine {
  readonly state: 'closed' | 'interrupted';
  /** True when the marker of an earlier recovery is there. */
  readonly marked: boolean;
  /** Of the last event, in seconds; 0 when there is only the header. */
  readonly time: number;
  /** Where the last line that can be read ends, its newline included. */
  readonly endBytes: number;
}

/** Looks from the end of the file for the last line that is an event, or the header. */
async function lastGoodLine(file: FileHandle, sizeBytes: number): Promise<LastLine> {
  let endBytes = await lineEnd(file, sizeBytes);
  for (let badLines = 0; endBytes > 0 && badLines < BAD_LINES_LIMIT; badLines++) {
    const startBytes = await lineEnd(file, endBytes - 1);
    const line = await text(file, startBytes, endBytes - 1);
    if (startBytes === 0 && parseHeaderLine(line) !== undefined) {
      return { state: 'interrupted', marked: false, time: 0, endBytes };
    }
    const event = parseEventLine(line);
    if (event !== undefined) {
      const marked = event.code === EVENT_CODE.marker && event.data === INTERRUPTED_LABEL;
      return {
        state: event.code === EVENT_CODE.exit ? 'closed' : 'interrupted',
        marked,
        time: event.time,
        endBytes,
      };
    }
    endBytes = startBytes;
  }
  throw new DrawbridgeError(
    'recording.malformed',
    'The file has no header or no events that can be read at its end.',
  );
}

/** Position behind the last newline before `endBytes`; 0 when there is none. */
async function lineEnd(file: FileHandle, endBytes: number): Promise<number> {
  const buffer = Buffer.allocUnsafe(TAIL_BYTES);
  for (let end = endBytes; end > 0; ) {
    const start = Math.max(0, end - TAIL_BYTES);
    const { bytesRead } = await file.read(buffer, 0, end - start, start);
    const newline = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE);
    if (newline !== -1) return start + newline + 1;
    end = start;
  }
  return 0;
}

async function text(file: FileHandle, startBytes: number, endBytes: number): Promise<string> {
  // Longer than any line of ours: no event, and not worth the memory.
  if (endBytes - startBytes > LINE_LIMIT_BYTES) return '';
  const buffer = Buffer.alloc(endBytes - startBytes);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, startBytes);
  return buffer.toString('utf8', 0, bytesRead);
}

async function castFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(({ name }) => name.endsWith(CAST_SUFFIX) || isEncryptedCast(name))
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}
