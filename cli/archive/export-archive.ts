import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { wholeLinesSize } from '../../recordings/cast-reader.ts';
import { TarWriter } from '../../shared/archive/tar.ts';
import { GENESIS_HASH } from '../../shared/audit/chain.ts';
import type { AuditEvent } from '../../shared/audit/event.ts';
import { leafHash, MerkleFrontier } from '../../shared/audit/merkle.ts';
import type { AuditReader } from '../../shared/audit/reader.ts';
import { formatVerifierKey, type VerifierKey } from '../../shared/audit/verifier-key.ts';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';
import type { RolePlace } from '../role-config.ts';
import {
  type ArchiveEnd,
  END_NAME,
  EVENTS_FOLDER,
  KEYS_FOLDER,
  MANIFEST_NAME,
  type Manifest,
  RECORDINGS_FOLDER,
  SEGMENT_BYTES,
  SEGMENT_EVENTS,
  WITNESSED_FOLDER,
} from './format.ts';
import { type KnownRecording, KnownRecordings, RECORDINGS_LIMIT } from './known-recordings.ts';
import { openWitnessed } from './witnessed.ts';

/** What finished recordings are called when they are compressed. */
const STORED_SUFFIXES = ['', '.gz'] as const;
const WITNESSED_PER_FILE = 1_000;

/** What to put into an archive, and where. */
export interface ExportOptions {
  readonly place: RolePlace;
  readonly log: AuditReader;
  /** Keys of the role and of its witness, for convenience: who verifies should have them from elsewhere. */
  readonly keys: readonly VerifierKey[];
  readonly identity: { readonly id: string; readonly name: string; readonly successions: readonly string[] };
  readonly out: string;
  /** ISO times; events from then on, and until the checkpoint that covers those before then. */
  readonly since?: string;
  readonly until?: string;
  readonly recordings: boolean;
  /** The log was sealed right before: what came in since, behind the newest checkpoint, is left for the next archive. */
  readonly sealed: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
  progress?(done: { readonly events: number; readonly recordings: number; readonly bytes: number }): void;
  readonly signal?: AbortSignal;
}

/** Writes an archive. What is there of it after a failure is no archive, and says so when it is verified. */
export async function exportArchive(
  options: ExportOptions,
): Promise<{ manifest: Manifest; end: ArchiveEnd }> {
  const tar = await TarWriter.create(options.out);
  try {
    // Before the end of the log is looked for, so that none of them speaks of more.
    const witnessed = await witnessedSize(options);
    const manifest = await manifestOf(options);
    await tar.addText(MANIFEST_NAME, `${JSON.stringify(manifest, undefined, 2)}\n`);
    for (const key of options.keys) {
      await tar.addText(`${KEYS_FOLDER}${key.verifies}.pub`, `${formatVerifierKey(key)}\n`);
    }
    await addWitnessed(tar, witnessed, options);
    const known = await addEvents(tar, manifest, options);
    const added = options.recordings
      ? await addRecordings(tar, known, options, await deletedLater(manifest, options))
      : { recordings: 0, missing: [], deletedLater: [] };
    const end = { events: Math.max(manifest.lastSeq - manifest.firstSeq + 1, 0), ...added };
    await tar.addText(END_NAME, `${JSON.stringify(end)}\n`);
    await tar.finish();
    return { manifest, end };
  } catch (error) {
    await tar.abandon();
    throw error;
  }
}

async function manifestOf(options: ExportOptions): Promise<Manifest> {
  const { identity, place, since, until } = options;
  const { tree, hash, lastSeq, successions } = await rangeOf(options);
  return {
    format: 'drawbridge-evidence',
    v: 1,
    role: place.role === 'proxy' ? 'proxy' : 'bastion',
    id: identity.id,
    name: identity.name,
    successions: [...identity.successions],
    createdAt: options.createdAt,
    createdBy: options.createdBy,
    firstSeq: tree.size + 1,
    lastSeq: Math.max(lastSeq, tree.size),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    before: { hash, subtrees: tree.subtrees.map((root) => root.toString('base64')), successions },
    recordings: options.recordings ? 'all' : 'none',
  };
}

/** Goes through the log to find where the archive begins and ends, and the tree over what lies before. */
async function rangeOf({ log, since = '', until, sealed, signal }: ExportOptions) {
  const head = await endOf(log, sealed);
  const tree = new MerkleFrontier();
  const successions: string[] = [];
  let hash = GENESIS_HASH;
  if (since === '' && until === undefined) return { tree, hash, lastSeq: head, successions };
  let isBefore = true;
  for await (const row of log.rows(head)) {
    signal?.throwIfAborted();
    const event = JSON.parse(row.line) as AuditEvent;
    isBefore &&= event.time < since;
    if (isBefore) {
      tree.append(leafHash(row.line));
      hash = event.hash;
      const { type, succession } = event;
      if (type === 'key.rotated' && typeof succession === 'string') successions.push(succession);
    } else if (until === undefined) break;
    // What was asked for may end earlier; it is sealed by this checkpoint.
    else if (event.time >= until && event.type === 'checkpoint.signed')
      return { tree, hash, lastSeq: row.seq, successions };
  }
  return { tree, hash, lastSeq: head, successions };
}

async function endOf(log: AuditReader, sealed: boolean): Promise<number> {
  const [newest] = await log.query({ type: 'checkpoint.signed', limit: 1, newestFirst: true });
  return sealed && newest !== undefined ? newest.seq : (await log.head()).seq;
}

/** Events that the newest counter-signed checkpoint covers. */
async function witnessedSize({ place, identity }: ExportOptions): Promise<number> {
  const kept = await openWitnessed(place.dataDir);
  if (kept === undefined) return 0;
  try {
    return (await kept.standing(identity.id)).latest?.size ?? 0;
  } finally {
    await kept.close();
  }
}

async function addWitnessed(
  tar: TarWriter,
  upToSize: number,
  { place, identity }: ExportOptions,
): Promise<void> {
  const kept = await openWitnessed(place.dataDir);
  if (kept === undefined) return;
  try {
    const { epoch } = await kept.standing(identity.id);
    let lines: string[] = [];
    let files = 0;
    const flush = async () => {
      files += 1;
      await tar.addText(`${WITNESSED_FOLDER}${String(files).padStart(6, '0')}.jsonl`, lines.join(''));
      lines = [];
    };
    for await (const checkpoint of kept.all(identity.id)) {
      // Counter-signed while the archive is made: it may speak of more than is in it.
      if (checkpoint.epoch !== epoch || checkpoint.size > upToSize) continue;
      lines.push(`${JSON.stringify({ size: checkpoint.size, note: checkpoint.note })}\n`);
      if (lines.length >= WITNESSED_PER_FILE) await flush();
    }
    if (lines.length > 0) await flush();
  } finally {
    await kept.close();
  }
}

async function addEvents(
  tar: TarWriter,
  manifest: Manifest,
  options: ExportOptions,
): Promise<KnownRecordings> {
  const known = new KnownRecordings();
  let lines: string[] = [];
  let bytes = 0;
  let firstSeq = manifest.firstSeq;
  const flush = async () => {
    const name = `${EVENTS_FOLDER}${String(firstSeq).padStart(12, '0')}.jsonl`;
    firstSeq += lines.length;
    await tar.addText(name, lines.join(''));
    lines = [];
    bytes = 0;
    options.progress?.({ events: firstSeq - manifest.firstSeq, recordings: 0, bytes: tar.bytes });
  };
  for await (const { line } of options.log.rows(manifest.lastSeq, manifest.firstSeq - 1)) {
    options.signal?.throwIfAborted();
    // Most events say nothing of recordings: looking costs less than parsing.
    if (line.includes('"type":"recording.')) known.take(JSON.parse(line) as AuditEvent);
    lines.push(`${line}\n`);
    bytes += line.length;
    if (lines.length >= SEGMENT_EVENTS || bytes >= SEGMENT_BYTES) await flush();
  }
  if (lines.length > 0) await flush();
  if (options.recordings && known.leftOut > 0) {
    throw new DrawbridgeError('archive.failed', `An archive holds ${RECORDINGS_LIMIT} recordings at most.`, {
      hint: 'Export the log in parts: --since and --until.',
    });
  }
  return known;
}

async function addRecordings(
  tar: TarWriter,
  known: KnownRecordings,
  options: ExportOptions,
  later: ReadonlySet<string>,
): Promise<Omit<ArchiveEnd, 'events'>> {
  const missing: string[] = [];
  const gone: string[] = [];
  let recordings = 0;
  for (const recording of known.all) {
    options.signal?.throwIfAborted();
    if (recording.deletedSeq !== undefined) continue;
    const stored = await storedForm(options.place.recordingsDir, recording);
    if (stored === undefined) {
      (later.has(recording.path) ? gone : missing).push(recording.path);
      continue;
    }
    const name = `${RECORDINGS_FOLDER}${recording.path}${stored.suffix}`;
    await tar.addFile(name, stored.path, stored.sizeBytes, options.signal);
    recordings += 1;
    options.progress?.({ events: 0, recordings, bytes: tar.bytes });
  }
  return { recordings, missing, deletedLater: gone };
}

/** Recordings whose deletion is in the log behind what the archive holds. */
async function deletedLater(
  { lastSeq, until }: Manifest,
  { log }: ExportOptions,
): Promise<ReadonlySet<string>> {
  const paths = new Set<string>();
  if (until === undefined) return paths;
  for (let after = lastSeq; ; ) {
    const page = await log.query({ type: 'recording.deleted', after, limit: 1000 });
    for (const { path } of page) if (typeof path === 'string') paths.add(path);
    const last = page.at(-1);
    if (last === undefined) return paths;
    after = last.seq;
  }
}

async function storedForm(folder: string, { path, closed }: KnownRecording) {
  for (const suffix of STORED_SUFFIXES) {
    const file = join(folder, path) + suffix;
    try {
      const { size } = await stat(file);
      // One that grows: as much as is whole lines now.
      const isWhole = closed !== undefined || suffix !== '';
      return { suffix, path: file, sizeBytes: isWhole ? size : await wholeLinesSize(file) };
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') continue;
      throw new DrawbridgeError('recording.unreadable', `The recording ${path} can not be read.`, {
        cause: error,
      });
    }
  }
  return undefined;
}
