import type { AuditEvent } from '../../shared/audit/event.ts';

/** The beginning of a recording as it was while it grew. */
export interface GrownTo {
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly seq: number;
}

/** What the log says about one recording. Digests are of the asciicast file, however it is stored. */
export interface KnownRecording {
  readonly path: string;
  closed?: { readonly sha256: string; readonly sizeBytes: number | undefined; readonly seq: number };
  deletedSeq?: number;
  readonly grown: GrownTo[];
}

/** Marks that are remembered per recording; an 8 h session has 240. */
const MARKS_LIMIT = 2_000;
/** Marks that are remembered in all: beyond it only the last one of each recording, which costs precision alone. */
const MARKS_TOTAL_LIMIT = 500_000;

/** Recordings that are remembered, in some hundred bytes each; what is said of others is counted and not taken. */
export const RECORDINGS_LIMIT = 500_000;

/** Gathers from events what they say about recordings. Paths that lead out of the folder are not taken. */
export class KnownRecordings {
  readonly #byPath = new Map<string, KnownRecording>();
  readonly #limit: number;
  #marks = 0;
  #leftOut = 0;

  constructor(limit = RECORDINGS_LIMIT) {
    this.#limit = limit;
  }

  /** Events about recordings beyond the limit: nothing is known of those recordings. */
  get leftOut(): number {
    return this.#leftOut;
  }

  get all(): Iterable<KnownRecording> {
    return this.#byPath.values();
  }

  find(path: string): KnownRecording | undefined {
    return this.#byPath.get(path);
  }

  take(event: AuditEvent): void {
    const { type, path, sha256, sizeBytes, seq } = event;
    if (!type.startsWith('recording.') || typeof path !== 'string' || !isInside(path)) return;
    if (this.#byPath.size >= this.#limit && !this.#byPath.has(path)) {
      this.#leftOut += 1;
      return;
    }
    if (type === 'recording.closed' && typeof sha256 === 'string') {
      const size = typeof sizeBytes === 'number' ? sizeBytes : undefined;
      // A recording is closed once: what is said of it later must not replace what was true then.
      this.#entry(path).closed ??= { sha256, sizeBytes: size, seq };
    }
    if (type === 'recording.deleted') {
      const entry = this.#entry(path);
      // A deletion counts for the very content that it names.
      if (entry.closed === undefined || entry.closed.sha256 === sha256) entry.deletedSeq ??= seq;
    }
    if (type !== 'recording.grew' || typeof sha256 !== 'string' || typeof sizeBytes !== 'number') return;
    const { grown } = this.#entry(path);
    if (this.#marks >= MARKS_TOTAL_LIMIT || grown.length >= MARKS_LIMIT) grown.pop();
    else this.#marks += 1;
    if (sizeBytes > (grown.at(-1)?.sizeBytes ?? 0)) grown.push({ sizeBytes, sha256, seq });
  }

  #entry(path: string): KnownRecording {
    const known = this.#byPath.get(path);
    if (known !== undefined) return known;
    const made: KnownRecording = { path, grown: [] };
    this.#byPath.set(path, made);
    return made;
  }
}

/** True for a relative path below a folder, of plain names only. */
export function isInside(path: string): boolean {
  return (
    path.length <= 1024 &&
    !path.includes('\\') &&
    path.split('/').every((name) => name !== '' && name !== '.' && name !== '..' && !name.includes('\0'))
  );
}
