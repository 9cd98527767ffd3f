import { readTar, type TarEntry } from '../../shared/archive/tar.ts';
import { isAuditEvent } from '../../shared/audit/audit-file.ts';
import { ChainCheck } from '../../shared/audit/chain-check.ts';
import { CheckpointCheck } from '../../shared/audit/checkpoint-check.ts';
import { counted, type Fault, FaultList } from '../../shared/audit/fault-list.ts';
import { MerkleFrontier } from '../../shared/audit/merkle.ts';
import { SigningKeys } from '../../shared/audit/signing-keys.ts';
import type { VerifierKey } from '../../shared/audit/verifier-key.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import {
  END_NAME,
  EVENTS_FOLDER,
  endSchema,
  KEYS_FOLDER,
  MANIFEST_NAME,
  type Manifest,
  manifestSchema,
  RECORDINGS_FOLDER,
  TEXT_LIMIT_BYTES,
  WITNESSED_FOLDER,
} from './format.ts';
import { KnownRecordings } from './known-recordings.ts';
import { checkRecording } from './recording-stream-check.ts';
import { WitnessNotes } from './witness-notes.ts';

/** What an archive is verified with. */
export interface VerifyArchiveOptions {
  readonly path: string;
  /** The key of the role whose log it is, from somewhere else than the archive. */
  readonly key: VerifierKey;
  /** The keys of its witness: more than one when it got a new one in between. */
  readonly witnesses: readonly VerifierKey[];
  /** Checkpoint notes that were kept elsewhere: by the witness, in a file, at whoever gets the log shipped. */
  readonly checkpoints: readonly string[];
  readonly signal?: AbortSignal;
  progress?(done: { readonly events: number; readonly recordings: number }): void;
}

/** What was found. */
export interface ArchiveReport {
  readonly ok: boolean;
  readonly id: string;
  readonly name: string;
  readonly events: number;
  readonly lastSeq: number;
  /** Hash of the last event. */
  readonly head: string;
  readonly checkpoints: number;
  readonly witnessed: number;
  readonly recordings: number;
  /** A line per check and per fault, for people. */
  readonly lines: { readonly ok: boolean; readonly text: string }[];
  readonly firstFault?: Fault;
}

/**
 * Verifies an archive with public keys alone, while it streams by: every event unchanged and linked, every checkpoint
 * fitting, every recording as the log has it, nothing missing and nothing more. Takes little memory whatever the size.
 * It reports and does not throw, whatever is in the file; only a file that can't be opened is an error.
 */
export async function verifyArchive(options: VerifyArchiveOptions): Promise<ArchiveReport> {
  const verification = new Verification(options, await SigningKeys.of(options.key.publicJwk, []));
  const entries = readTar(options.path, options.signal);
  try {
    for await (const entry of entries) await verification.take(entry);
  } catch (error) {
    options.signal?.throwIfAborted();
    verification.unreadable(error);
  }
  return verification.finish();
}

class Verification {
  readonly #options: VerifyArchiveOptions;
  readonly #faults = new FaultList();
  readonly #witness: WitnessNotes;
  readonly #known = new KnownRecordings();
  readonly #seen = new Set<string>();
  #manifest: Manifest | undefined;
  #keys: SigningKeys;
  #checks: { readonly chain: ChainCheck; readonly checkpoints: CheckpointCheck } | undefined;
  #place: Pick<Fault, 'file' | 'offset'> = {};
  readonly #deletedLater = new Set<string>();
  #hasEnd = false;
  #fitting = 0;
  #growing = 0;

  constructor(options: VerifyArchiveOptions, keys: SigningKeys) {
    this.#options = options;
    this.#keys = keys;
    this.#witness = new WitnessNotes(options.witnesses, options.key.id, this.#faults);
    this.#witness.takeAll(options.checkpoints, 'a checkpoint that was kept elsewhere');
  }

  async take(entry: TarEntry): Promise<void> {
    const { name } = entry;
    this.#place = { file: name.slice(0, 300) };
    if (this.#hasEnd) return this.#fault(`there is something behind the end of the archive: ${name}`);
    if (this.#manifest === undefined && name !== MANIFEST_NAME) {
      throw new DrawbridgeError('archive.unreadable', 'This is not an evidence archive: it has no manifest.');
    }
    if (name === MANIFEST_NAME) await this.#takeManifest(await textOf(entry));
    else if (name.startsWith(KEYS_FOLDER)) return;
    else if (name.startsWith(WITNESSED_FOLDER)) this.#takeWitnessed(await textOf(entry));
    else if (name.startsWith(EVENTS_FOLDER)) await this.#takeEvents(await textOf(entry), name);
    else if (name.startsWith(RECORDINGS_FOLDER)) await this.#takeRecording(entry);
    else if (name === END_NAME) this.#takeEnd(await textOf(entry));
    else this.#fault(`${name} does not belong into an evidence archive`);
  }

  unreadable(error: unknown): void {
    this.#fault(error instanceof DrawbridgeError ? error.message : messageOf(error));
  }

  finish(): ArchiveReport {
    const manifest = this.#manifest;
    const { chain, checkpoints } = this.#begin();
    this.#place = {};
    this.#faults.at = undefined;
    if (manifest !== undefined) checkpoints.finish(chain.isWhole, manifest.until !== undefined);
    if (!this.#hasEnd) this.#fault('the archive was cut short: its end is missing');
    if (manifest !== undefined && chain.isWhole && chain.seq !== manifest.lastSeq) {
      this.#fault(
        `the log ends after event ${chain.seq}, and the manifest says ${manifest.lastSeq}`,
        chain.seq + 1,
      );
    }
    if (checkpoints.fitting === 0 && chain.events > 0) {
      this.#fault('no signed checkpoint fits the events: nothing shows whose log this is');
    }
    this.#findMissing(checkpoints.coveredEvents);
    this.#witness.finish({ from: (manifest?.firstSeq ?? 1) - 1, to: chain.seq });
    const { first } = this.#faults;
    const lines = [
      this.#about(),
      chain.summary(),
      checkpoints.summary(),
      this.#witness.summary(),
      this.#recordingsSummary(),
      ...this.#faults.lines(),
    ];
    return {
      ok: first === undefined,
      id: manifest?.id ?? '',
      name: manifest?.name ?? '',
      events: chain.events,
      lastSeq: chain.seq,
      head: chain.head,
      checkpoints: checkpoints.fitting,
      witnessed: this.#witness.cosigned,
      recordings: this.#fitting,
      lines: lines.filter((line) => line !== undefined),
      ...(first === undefined ? {} : { firstFault: first }),
    };
  }

  async #takeManifest(text: string): Promise<void> {
    if (this.#manifest !== undefined) {
      this.#fault('there is a second manifest');
      return;
    }
    const parsed = manifestSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      throw new DrawbridgeError('archive.unreadable', 'This is not an evidence archive of this version.');
    }
    this.#manifest = parsed.data;
    const { publicJwk, id } = this.#options.key;
    this.#keys = await SigningKeys.of(publicJwk, parsed.data.successions, id);
    for (const statement of parsed.data.before.successions) {
      const problem = await this.#keys.follow(statement);
      if (problem !== undefined) this.#fault(`a new key before the first event: ${problem}`);
    }
    if (parsed.data.id !== id)
      this.#fault(`it is the log of ${parsed.data.id}, and the key is that of ${id}`);
    // Nobody has signed the manifest: what it leaves out must not pass for the whole.
    if (parsed.data.since === undefined && parsed.data.firstSeq > 1) {
      this.#fault(`the log begins with event ${parsed.data.firstSeq}, and the manifest does not say why`, 1);
    }
  }

  #takeWitnessed(text: string): void {
    if (this.#checks !== undefined) {
      this.#fault('counter-signed checkpoints stand behind events');
      return;
    }
    for (const line of linesOf(text)) {
      const value = parseJson(line);
      const note = typeof value === 'object' && value !== null && 'note' in value ? value.note : undefined;
      this.#witness.takeAll([typeof note === 'string' ? note : ''], 'a counter-signed checkpoint', true);
    }
  }

  async #takeEvents(text: string, file: string): Promise<void> {
    const { chain, checkpoints } = this.#begin();
    const lines = linesOf(text);
    let index = 0;
    // Counting bytes costs time, and only a fault needs it.
    this.#faults.at = () => ({ file, offset: offsetOf(lines, index) });
    for (const line of lines) {
      const event = parseJson(line);
      if (!isAuditEvent(event)) chain.skipUnreadable();
      else {
        const stored = chain.take(event, line);
        if (stored !== undefined) await checkpoints.take(event, stored, chain.isWhole);
        this.#known.take(event);
      }
      index += 1;
    }
    if (text !== '' && !text.endsWith('\n')) this.#fault('the last line is cut');
    this.#faults.at = undefined;
    this.#options.progress?.({ events: chain.events, recordings: 0 });
  }

  async #takeRecording(entry: TarEntry): Promise<void> {
    const name = entry.name.slice(RECORDINGS_FOLDER.length);
    const path = name.replace(/\.gz$/, '');
    const known = this.#known.find(path);
    if (known === undefined || known.deletedSeq !== undefined) {
      return this.#fault(
        `there is a recording ${path} of which the log ${known === undefined ? 'knows nothing' : 'says that it was deleted'}`,
      );
    }
    if (this.#seen.has(path)) return this.#fault(`the recording ${path} is there twice`);
    this.#seen.add(path);
    const result = await checkRecording(entry.content, known, entry.name, this.#faults);
    if (result === 'fits') this.#fitting += 1;
    if (result === 'grows') this.#growing += 1;
    this.#options.progress?.({ events: 0, recordings: this.#seen.size });
  }

  #takeEnd(text: string): void {
    this.#hasEnd = true;
    const parsed = endSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      this.#fault('the end of the archive can not be read');
      return;
    }
    const { events, recordings, missing, deletedLater } = parsed.data;
    if (this.#manifest?.until !== undefined) for (const path of deletedLater) this.#deletedLater.add(path);
    const { chain } = this.#begin();
    if (events !== chain.events) {
      this.#fault(
        `the archive had ${events} events when it was made, and has ${chain.events}`,
        chain.seq + 1,
      );
    }
    if (recordings !== this.#seen.size) {
      this.#fault(`the archive had ${recordings} recordings when it was made, and has ${this.#seen.size}`);
    }
    for (const path of missing) {
      this.#seen.add(path);
      this.#fault(`the recording ${path} was not there when the archive was made`);
    }
  }

  /** The events may begin only when the manifest has said where. */
  #begin() {
    if (this.#checks !== undefined) return this.#checks;
    const before = this.#manifest?.before;
    const size = (this.#manifest?.firstSeq ?? 1) - 1;
    const roots = before?.subtrees.map((root) => Buffer.from(root, 'base64')) ?? [];
    const tree = MerkleFrontier.of(size, roots);
    if (tree === undefined) this.#fault('the manifest does not say rightly what lies before the first event');
    const start = before === undefined ? undefined : { seq: size, hash: before.hash };
    this.#checks = {
      chain: new ChainCheck(this.#faults, start),
      checkpoints: new CheckpointCheck(this.#keys, this.#witness.notes, this.#faults, tree),
    };
    return this.#checks;
  }

  /** @param coveredEvents What stands behind them in the log, anybody may have put there: no deletion is believed. */
  #findMissing(coveredEvents: number): void {
    if (this.#manifest?.recordings !== 'all' || !this.#hasEnd) return;
    for (const { path, closed, deletedSeq, grown } of this.#known.all) {
      const seq = closed?.seq ?? grown.at(-1)?.seq;
      if (deletedSeq !== undefined && deletedSeq > coveredEvents) {
        const text = `the recording ${path} is missing, and no signed checkpoint covers event ${deletedSeq} about its deletion`;
        this.#fault(text, deletedSeq);
      }
      if (deletedSeq !== undefined || this.#seen.has(path) || this.#deletedLater.has(path)) continue;
      this.#fault(`the recording ${path} (event ${seq ?? 0}) is missing`, seq);
    }
  }

  #about(): { ok: true; text: string } | undefined {
    const manifest = this.#manifest;
    if (manifest === undefined) return undefined;
    const { name, id, firstSeq, lastSeq, createdAt, since, until } = manifest;
    const part = since === undefined && until === undefined ? 'the whole log' : 'a part of the log';
    return {
      ok: true,
      text: `${name} (${id}), ${part}: events ${firstSeq} to ${lastSeq}, exported ${createdAt}.`,
    };
  }

  #recordingsSummary(): { ok: true; text: string } | undefined {
    const texts = [
      ...(this.#fitting === 0 ? [] : [`${counted(this.#fitting, 'recording')} unchanged.`]),
      ...(this.#growing === 0
        ? []
        : [`${counted(this.#growing, 'recording')} still grew, and began as the log says.`]),
      ...(this.#deletedLater.size === 0
        ? []
        : [
            `${counted(this.#deletedLater.size, 'recording')} deleted later, as the later part of the log must show.`,
          ]),
      ...(this.#manifest?.recordings === 'none' ? ['The archive was made without recordings.'] : []),
    ];
    return texts.length === 0 ? undefined : { ok: true, text: texts.join(' ') };
  }

  #fault(text: string, seq?: number): void {
    this.#faults.add({ ...(seq === undefined ? {} : { seq }), ...this.#place, ...this.#faults.at?.(), text });
  }
}

async function textOf(entry: TarEntry): Promise<string> {
  if (entry.sizeBytes > TEXT_LIMIT_BYTES) {
    throw new DrawbridgeError('archive.unreadable', `${entry.name} has more than ${TEXT_LIMIT_BYTES} bytes.`);
  }
  const pieces: Buffer[] = [];
  for await (const piece of entry.content) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function offsetOf(lines: readonly string[], index: number): number {
  return lines.slice(0, index).reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
