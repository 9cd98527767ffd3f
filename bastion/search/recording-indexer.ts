import type { RecordingWorker } from '../../recordings/indexing/recording-worker.ts';
import { isEncryptedCast, storedBytes, wholeLinesSize } from '../../recordings/stored-cast.ts';
import type { AuditSource } from '../../shared/audit/event.ts';
import type { Clock, Timer } from '../../shared/clock.ts';
import { isDrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import type { FinishedRecording, RecordingCatalogue } from '../retention/recording-catalogue.ts';
import type { RecordingSubject } from './recording-subject.ts';
import type { SearchStore } from './search-store.ts';

/** Recordings that grow are read on so often, when they have grown by enough. */
export const LIVE_PERIOD_MS = 30_000;

/** What a recording that grows must have grown by, in bytes, to be read on. */
const LIVE_GROWTH_BYTES = 256 * 1024;

/** Read at most so much of one recording before others have their turn. */
const TURN_BYTES = 64 * 1024 * 1024;

/** A recording is finished in the list a moment after the event that says so. */
const SETTLE_MS = 250;

/** A disk or a thread that failed is tried again after so long; a recording that can't be read is not. */
const RETRY_MS = 60_000;

/** A recording that is being written. */
export interface GrowingRecording extends RecordingSubject {
  readonly path: string;
  /** Whole lines up to here. */
  readonly sizeBytes: number;
}

export interface RecordingIndexerParts {
  readonly store: SearchStore;
  readonly catalogue: RecordingCatalogue;
  readonly worker: RecordingWorker;
  readonly events: Pick<AuditSource, 'subscribe'>;
  readonly growing: () => readonly GrowingRecording[];
  /** Called once a finished recording has been read, whether or not that went well. */
  readonly onIndexed: (recording: FinishedRecording) => Promise<void>;
  /** False while there is too little disk for an index: evidence goes first. */
  readonly hasRoom: () => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Reads every recording into the search index, one after the other, in the background: what ended while the bastion
 * was away first come from the list, then what ends now, and meanwhile long ones that still grow.
 */
export class RecordingIndexer {
  readonly #parts: RecordingIndexerParts;
  readonly #queue: string[] = [];
  readonly #queued = new Set<string>();
  readonly #timers = new Set<Timer>();
  readonly #stopListening: () => void;
  #running: Promise<void> | undefined;
  #indexing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(parts: RecordingIndexerParts) {
    this.#parts = parts;
    this.#stopListening = parts.events.subscribe((event) => {
      const { type, session, channel, path } = event;
      if (type !== 'recording.closed' || session === undefined || typeof channel !== 'number') return;
      // Words of an encrypted one would stand in the index for everybody to read.
      if (typeof path === 'string' && isEncryptedCast(path)) return;
      this.#later(SETTLE_MS, () => this.#enqueue(`${session}/${channel}`));
    });
    this.#timers.add(parts.clock.every(LIVE_PERIOD_MS, () => void this.#readGrowing()));
  }

  /** Recordings that wait to be read. */
  get waiting(): number {
    return this.#queued.size;
  }

  /** Queues what the index does not have yet. @throws `store.*` */
  async catchUp(): Promise<void> {
    const settled = await this.#parts.store.settled();
    for (const name of await this.#parts.catalogue.readableNames()) {
      if (!settled.has(name)) this.#enqueue(name);
    }
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Stops at once; what was being read goes on at the next start where it was. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopListening();
    for (const timer of this.#timers) timer.cancel();
    this.#queue.length = 0;
    await this.#parts.worker.close();
    await this.#running;
  }

  #enqueue(name: string): void {
    if (this.#closed || this.#queued.has(name)) return;
    this.#queued.add(name);
    this.#queue.push(name);
    this.#run();
  }

  #run(): void {
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0 && !this.#closed) this.#run();
    });
  }

  async #work(): Promise<void> {
    for (let name = this.#queue.shift(); name !== undefined && !this.#closed; name = this.#queue.shift()) {
      this.#queued.delete(name);
      try {
        if (!(await this.#parts.hasRoom())) this.#again(name);
        else if (await this.#read(name)) this.#enqueue(name);
      } catch (error) {
        if (this.#closed) return;
        this.#parts.log.warn(
          { err: error, recording: name },
          'a recording could not be read for the search index',
        );
        this.#again(name);
      }
    }
  }

  #again(name: string): void {
    const again = name;
    this.#later(RETRY_MS, () => this.#enqueue(again));
  }

  #later(delayMs: number, run: () => void): void {
    const timer = this.#parts.clock.after(delayMs, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }

  /** Reads a finished recording to its end, or for one turn; true when there is more to read. */
  async #read(name: string): Promise<boolean> {
    const { store, catalogue } = this.#parts;
    const slash = name.lastIndexOf('/');
    const recording = await catalogue.find(name.slice(0, slash), Number(name.slice(slash + 1)));
    if (recording === undefined) return false;
    if ((await storedBytes(recording.path)) === undefined) return false;
    const indexed = await store.begin(recording);
    if (indexed.state !== 'growing') return false;
    try {
      const sizeBytes = await wholeLinesSize(recording.path);
      const endBytes = Math.min(sizeBytes, indexed.endBytes + TURN_BYTES);
      if (indexed.endBytes < sizeBytes) await this.#index(recording, recording.path, endBytes);
      if (endBytes < sizeBytes) return true;
      await store.settle(indexed, 'done');
    } catch (error) {
      if (this.#closed || !isDrawbridgeError(error) || error.code.startsWith('store.')) throw error;
      this.#parts.log.warn({ err: error, recording: name }, 'a recording can not be searched');
      await store.settle(indexed, 'failed', messageOf(error));
    }
    await this.#parts.onIndexed(recording);
    return false;
  }

  /** One at a time: where a run begins is where the one before it has ended. */
  #index(subject: RecordingSubject, path: string, endBytes: number): Promise<void> {
    const turn = this.#indexing.then(() => this.#indexNow(subject, path, endBytes));
    this.#indexing = turn.catch(() => undefined);
    return turn;
  }

  async #indexNow(subject: RecordingSubject, path: string, endBytes: number): Promise<void> {
    const { store, worker } = this.#parts;
    const indexed = await store.begin(subject);
    const from = await store.keyframe(indexed, { beforeBytes: Number.MAX_SAFE_INTEGER });
    const range = { endBytes, ...(from === undefined ? {} : { from }) };
    await worker.index(path, range, (segment) => store.storeSegment(indexed, subject, segment));
  }

  async #readGrowing(): Promise<void> {
    const { growing, store, log, hasRoom } = this.#parts;
    // Those that are finished go first: they wait to be compressed as well.
    if (this.#running !== undefined) return;
    try {
      if (!(await hasRoom())) return;
      for (const recording of growing()) {
        if (this.#closed) return;
        const indexed = await store.find(recording.session, recording.channel);
        const readBytes = indexed?.endBytes ?? 0;
        if (recording.sizeBytes - readBytes < LIVE_GROWTH_BYTES) continue;
        await this.#index(recording, recording.path, Math.min(recording.sizeBytes, readBytes + TURN_BYTES));
      }
    } catch (error) {
      if (!this.#closed)
        log.warn({ err: error }, 'recordings that grow could not be read for the search index');
    }
  }
}
