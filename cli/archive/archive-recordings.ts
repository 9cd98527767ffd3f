import type { TarEntry } from '../../shared/archive/tar.ts';
import type { AuditEvent } from '../../shared/audit/event.ts';
import { counted, type FaultList } from '../../shared/audit/fault-list.ts';
import { type ArchiveEnd, RECORDINGS_FOLDER } from './format.ts';
import { KnownRecordings, RECORDINGS_LIMIT } from './known-recordings.ts';
import { checkRecording } from './recording-stream-check.ts';

/** The recordings of an archive against what its events say: each as it was, none missing, none more. */
export class ArchiveRecordings {
  readonly #faults: FaultList;
  readonly #known = new KnownRecordings();
  readonly #seen = new Set<string>();
  readonly #deletedLater = new Set<string>();
  #fitting = 0;
  #growing = 0;

  constructor(faults: FaultList) {
    this.#faults = faults;
  }

  /** Recordings that are as the log says. */
  get fitting(): number {
    return this.#fitting;
  }

  /** Recordings that were there. */
  get seen(): number {
    return this.#seen.size;
  }

  /** To be called for each event, before the first recording. */
  note(event: AuditEvent): void {
    this.#known.take(event);
  }

  async take(entry: TarEntry): Promise<void> {
    const path = entry.name.slice(RECORDINGS_FOLDER.length).replace(/\.gz$/, '');
    const known = this.#known.find(path);
    if (known === undefined || known.deletedSeq !== undefined) {
      const says = known === undefined ? 'knows nothing' : 'says that it was deleted';
      this.#faults.add({ text: `there is a recording ${path} of which the log ${says}` });
      return;
    }
    if (this.#seen.has(path)) {
      this.#faults.add({ text: `the recording ${path} is there twice` });
      return;
    }
    this.#seen.add(path);
    const result = await checkRecording(entry.content, known, entry.name, this.#faults);
    if (result === 'fits') this.#fitting += 1;
    if (result === 'grows') this.#growing += 1;
  }

  /** What the archive's end says about recordings. */
  takeEnd({ recordings, missing, deletedLater }: ArchiveEnd, isPart: boolean): void {
    if (isPart) for (const path of deletedLater) this.#deletedLater.add(path);
    if (recordings !== this.#seen.size) {
      this.#faults.add({
        text: `the archive had ${recordings} recordings when it was made, and has ${this.#seen.size}`,
      });
    }
    for (const path of missing) {
      this.#seen.add(path);
      this.#faults.add({ text: `the recording ${path} was not there when the archive was made` });
    }
  }

  /** @param coveredEvents What stands behind them in the log, anybody may have put there: no deletion is believed. */
  findMissing(coveredEvents: number): void {
    for (const { path, closed, deletedSeq, grown } of this.#known.all) {
      const seq = closed?.seq ?? grown.at(-1)?.seq;
      if (deletedSeq !== undefined && deletedSeq > coveredEvents) {
        const text = `the recording ${path} is missing, and no signed checkpoint covers event ${deletedSeq} about its deletion`;
        this.#faults.add({ seq: deletedSeq, text });
      }
      if (deletedSeq !== undefined || this.#seen.has(path) || this.#deletedLater.has(path)) continue;
      const text = `the recording ${path} (event ${seq ?? 0}) is missing`;
      this.#faults.add({ ...(seq === undefined ? {} : { seq }), text });
    }
    if (this.#known.leftOut === 0) return;
    this.#faults.add({
      text: `the log names ${this.#known.leftOut} recordings beyond the ${RECORDINGS_LIMIT} that can be verified at once; verify it in parts, by --since and --until of its export`,
    });
  }

  summary(withoutRecordings: boolean): { ok: true; text: string } | undefined {
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
      ...(withoutRecordings ? ['The archive was made without recordings.'] : []),
    ];
    return texts.length === 0 ? undefined : { ok: true, text: texts.join(' ') };
  }
}
