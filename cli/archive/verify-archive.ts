import { readTar, type TarEntry } from '../../shared/archive/tar.ts';
import { isAuditEvent } from '../../shared/audit/audit-file.ts';
import { ChainCheck } from '../../shared/audit/chain-check.ts';
import { CheckpointCheck } from '../../shared/audit/checkpoint-check.ts';
import { EndCheck } from '../../shared/audit/end-check.ts';
import { type Fault, FaultList } from '../../shared/audit/fault-list.ts';
import { MerkleFrontier } from '../../shared/audit/merkle.ts';
import { SigningKeys } from '../../shared/audit/signing-keys.ts';
import type { VerifierKey } from '../../shared/audit/verifier-key.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import { ArchiveRecordings } from './archive-recordings.ts';
import { type ArchiveLines, linesOf, parseJson, textOf } from './archive-text.ts';
import {
  END_NAME,
  EVENTS_FOLDER,
  endSchema,
  KEYS_FOLDER,
  MANIFEST_NAME,
  type Manifest,
  manifestSchema,
  RECORDINGS_FOLDER,
  WITNESSED_FOLDER,
} from './format.ts';
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
  readonly #recordings: ArchiveRecordings;
  readonly #end: EndCheck;
  #manifest: Manifest | undefined;
  #keys: SigningKeys;
  #checks: { readonly chain: ChainCheck; readonly checkpoints: CheckpointCheck } | undefined;
  #place: Pick<Fault, 'file' | 'offset'> = {};
  #hasEnd = false;

  constructor(options: VerifyArchiveOptions, keys: SigningKeys) {
    this.#options = options;
    this.#keys = keys;
    this.#witness = new WitnessNotes(options.witnesses, options.key.id, this.#faults);
    this.#recordings = new ArchiveRecordings(this.#faults);
    this.#end = new EndCheck(this.#faults);
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
    else if (name.startsWith(WITNESSED_FOLDER)) this.#takeWitnessed(await linesOf(entry));
    else if (name.startsWith(EVENTS_FOLDER)) await this.#takeEvents(await linesOf(entry), name);
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
    if (manifest?.recordings === 'all' && this.#hasEnd)
      this.#recordings.findMissing(checkpoints.coveredEvents);
    this.#witness.finish({ from: (manifest?.firstSeq ?? 1) - 1, to: chain.seq });
    const { first } = this.#faults;
    const lines = [
      this.#about(),
      chain.summary(),
      checkpoints.summary(),
      this.#witness.summary(),
      this.#recordings.summary(manifest?.recordings === 'none'),
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
      recordings: this.#recordings.fitting,
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

  #takeWitnessed({ lines }: ArchiveLines): void {
    if (this.#checks !== undefined) {
      this.#fault('counter-signed checkpoints stand behind events');
      return;
    }
    for (const line of lines) {
      const value = line === undefined ? undefined : parseJson(line);
      const note = typeof value === 'object' && value !== null && 'note' in value ? value.note : undefined;
      this.#witness.takeAll([typeof note === 'string' ? note : ''], 'a counter-signed checkpoint', true);
    }
  }

  async #takeEvents({ lines, isWhole, offsetOf }: ArchiveLines, file: string): Promise<void> {
    const { chain, checkpoints } = this.#begin();
    let index = 0;
    this.#faults.at = () => ({ file, offset: offsetOf(index) });
    for (const line of lines) {
      const event = line === undefined ? undefined : parseJson(line);
      if (line === undefined || !isAuditEvent(event)) chain.skipUnreadable();
      else {
        const stored = chain.take(event, line);
        if (stored !== undefined) await checkpoints.take(event, stored, chain.isWhole);
        this.#recordings.note(event);
        this.#end.take(event);
      }
      index += 1;
    }
    if (!isWhole) this.#fault('the last line is cut');
    this.#faults.at = undefined;
    this.#options.progress?.({ events: chain.events, recordings: 0 });
  }

  async #takeRecording(entry: TarEntry): Promise<void> {
    const { file } = this.#place;
    this.#faults.at = () => (file === undefined ? {} : { file });
    await this.#recordings.take(entry);
    this.#faults.at = undefined;
    this.#options.progress?.({ events: 0, recordings: this.#recordings.seen });
  }

  #takeEnd(text: string): void {
    this.#hasEnd = true;
    const parsed = endSchema.safeParse(parseJson(text));
    if (!parsed.success) {
      this.#fault('the end of the archive can not be read');
      return;
    }
    const { chain } = this.#begin();
    const { events } = parsed.data;
    if (events !== chain.events) {
      this.#fault(
        `the archive had ${events} events when it was made, and has ${chain.events}`,
        chain.seq + 1,
      );
    }
    const { file } = this.#place;
    this.#faults.at = () => (file === undefined ? {} : { file });
    this.#recordings.takeEnd(parsed.data, this.#manifest?.until !== undefined);
    this.#faults.at = undefined;
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

  #fault(text: string, seq?: number): void {
    this.#faults.add({ ...(seq === undefined ? {} : { seq }), ...this.#place, ...this.#faults.at?.(), text });
  }
}
