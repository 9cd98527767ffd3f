import path from 'node:path';
import { DrawbridgeError } from '../shared/errors.ts';
import { syncFolder } from './cast-file.ts';
import { headerLine, terminalSize } from './cast-header.ts';
import type { FileDigest } from './digest.ts';
import { EventEncoder } from './event-encoder.ts';
import { type CastHeader, EVENT_CODE, NO_EXIT_STATUS } from './format.ts';
import { HeldTail } from './held-tail.ts';
import { type LiveLine, LiveViewers } from './live-viewers.ts';
import { encodeTerminalOutput, StreamTrack } from './output-track.ts';
import { RECORDING_LIMIT_BYTES, type RecorderOptions, type RecordingDigest } from './recorder-options.ts';
import { RecordingBody } from './recording-body.ts';
import { recordingFailed } from './recording-failure.ts';
import { encryptedCast, type StoredCast } from './stored-cast.ts';
import { SyncSchedule } from './sync-schedule.ts';
import { SyncedBeginning } from './synced-beginning.ts';

export { RECORDING_LIMIT_BYTES, type RecorderOptions, type RecordingDigest } from './recorder-options.ts';

/** A marker's label is cut to so many UTF-16 code units. */
const LABEL_LIMIT = 1024;

const NOTHING = Buffer.alloc(0);

/**
 * Records one channel of a session as an asciicast v2 file (see {@link CastHeader}, {@link EVENT_CODE}).
 *
 * The rule that it keeps: what {@link output} gives back has been written to the file before, so that nobody can have
 * seen what is not recorded, even when the process is killed at once. When writing fails, the file is cut back to the
 * events of completed calls, so that it holds exactly what was released. All of that holds for an encrypted one, too:
 * the asciicast is then the content of an age file.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #limitBytes: number;
  readonly #startMs: number;
  readonly #encoder: EventEncoder;
  readonly #stdout = new StreamTrack(EVENT_CODE.output, EVENT_CODE.outputBytes, 'count');
  readonly #stderr = new StreamTrack(EVENT_CODE.output, EVENT_CODE.outputBytes, 'count');
  readonly #input = new StreamTrack(EVENT_CODE.input, EVENT_CODE.inputBytes, 'replacement');
  readonly #body: RecordingBody;
  readonly #viewers = new LiveViewers();
  readonly #stopSync: () => void;
  readonly #held: HeldTail;
  readonly #synced: SyncedBeginning;
  /** The beginning of the file is bound into the audit log: what is there must stay. */
  #isBound = false;
  #exitStatus: string = NO_EXIT_STATUS;
  #syncing: Promise<void> = Promise.resolve();
  #failure: DrawbridgeError | undefined;
  #closed: Promise<RecordingDigest> | undefined;

  private constructor(body: RecordingBody, options: RecorderOptions) {
    this.#body = body;
    this.#options = options;
    this.#limitBytes = options.limitBytes ?? RECORDING_LIMIT_BYTES;
    this.#startMs = options.clock.monotonicMs();
    this.#encoder = new EventEncoder((bytes) => this.#write(bytes));
    this.#held = new HeldTail(options.clock, () => this.#releaseHeldLate());
    this.#synced = new SyncedBeginning(body.file);
    const sync = options.sync ?? new SyncSchedule(options.clock);
    const recorder = this;
    this.#stopSync = sync.add({
      get due() {
        return recorder.unsyncedBytes > 0;
      },
      run: () => recorder.#sync(),
    });
  }

  /**
   * Makes the file at `path` (0600, in a folder of 0700; it must not exist) and writes the header.
   * @throws `recording.failed`: then refuse the channel.
   */
  static create(filePath: string, header: CastHeader, options: RecorderOptions): Recorder {
    let body: RecordingBody | undefined;
    try {
      const line = headerLine(header, options.pty);
      body = RecordingBody.create(filePath, header, options.encryptTo);
      const recorder = new Recorder(body, options);
      recorder.#record((encoder) => encoder.line(line));
      return recorder;
    } catch (error) {
      body?.file.close();
      throw recordingFailed('The recording could not be started, so nothing was opened.', filePath, error);
    }
  }

  get path(): string {
    return this.#body.file.path;
  }

  get isEncrypted(): boolean {
    return this.#body.isEncrypted;
  }

  /** Size of the file in whole lines. */
  get sizeBytes(): number {
    return this.#body.file.committedBytes;
  }

  /** What is written and, should the machine lose its power at this moment, not yet on the disk. */
  get unsyncedBytes(): number {
    return this.#synced.missingBytes;
  }

  /** Size of the asciicast in whole lines: that of the file unless it is encrypted. */
  get contentBytes(): number {
    return this.#body.contentBytes;
  }

  /** Opens what is recorded, for those who watch it grow. @throws `recording.encrypted` when it has ended */
  async open(): Promise<StoredCast> {
    if (this.isEncrypted && this.#closed !== undefined) throw encryptedCast();
    return this.#body.open();
  }

  /** Digest of the beginning of the file that was on the disk about a second ago. */
  get partialDigest(): FileDigest {
    return this.#synced.digest;
  }

  /** {@link partialDigest} for the audit log: from now on that beginning stays as it is. Nothing once it is closed. */
  bindBeginning(): FileDigest | undefined {
    if (this.#closed !== undefined) return undefined;
    const digest = this.partialDigest;
    this.#isBound ||= digest.sizeBytes > 0;
    return digest;
  }

  /**
   * Records `chunk`, then gives back the bytes that may go to the operator now: without a terminal `chunk` itself,
   * with one possibly fewer (see {@link RecorderOptions.onHeldRelease}) or those held back before, in front.
   * @throws `recording.failed`: then release nothing and end the session.
   */
  output(chunk: Buffer): Buffer {
    if (!this.#options.pty) {
      this.#record((encoder, time) => this.#stdout.encode(encoder, time, chunk));
      return chunk;
    }
    this.#assertOpen();
    const whole = this.#held.join(chunk);
    if (whole.length > 0) this.#record((encoder, time) => encodeTerminalOutput(encoder, time, whole));
    return whole;
  }

  /**
   * No more output will come: records the beginning of a character that is held back, and gives it back.
   * @throws `recording.failed`: then release nothing and end the session.
   */
  outputEnd(): Buffer {
    const held = this.#held.take();
    if (held === undefined) return NOTHING;
    this.#record((encoder, time) => encodeTerminalOutput(encoder, time, held));
    return held;
  }

  /**
   * Like {@link output} for the error output of a channel without a terminal: recorded in the order of arrival, with
   * characters of its own.
   * @throws `recording.failed`
   */
  stderr(chunk: Buffer): Buffer {
    this.#record((encoder, time) => this.#stderr.encode(encoder, time, chunk));
    return chunk;
  }

  /** Records what was typed; only where the policy says so, since it holds passwords. @throws `recording.failed` */
  input(chunk: Buffer): void {
    this.#record((encoder, time) => this.#input.encode(encoder, time, chunk));
  }

  /** @throws `recording.failed` */
  resize(columns: number, rows: number): void {
    const size = `${terminalSize(columns, 80)}x${terminalSize(rows, 24)}`;
    this.#record((encoder, time) => encoder.text(time, EVENT_CODE.resize, Buffer.from(size)));
  }

  /** @throws `recording.failed` */
  marker(label: string): void {
    const text = Buffer.from(label.slice(0, LABEL_LIMIT));
    this.#record((encoder, time) => encoder.text(time, EVENT_CODE.marker, text));
  }

  /** Notes how the channel ended; {@link close} writes it as the last event. `signal` without or with `SIG`. */
  exit(status: { readonly code?: number; readonly signal?: string }): void {
    if (status.signal !== undefined) {
      this.#exitStatus = status.signal.startsWith('SIG') ? status.signal : `SIG${status.signal}`;
    } else if (status.code !== undefined) {
      this.#exitStatus = String(status.code);
    }
  }

  /**
   * Releases what is held back, writes the exit event, brings all to the disk and closes the file. Every call gives
   * the same result. A recording that failed is closed too, with `complete: false` in its digest.
   * @throws `recording.failed` when not even the digest could be taken.
   */
  close(): Promise<RecordingDigest> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  /**
   * Calls `viewer` after each write, until the recording ends. It is called on the session's own path: it must only
   * take note. Returns how to stop.
   * @throws `recording.too_many_viewers`
   */
  subscribe(viewer: (line: LiveLine) => void): () => void {
    if (!this.#ended) return this.#viewers.add(viewer);
    viewer({ sizeBytes: this.contentBytes, ended: true });
    return () => undefined;
  }

  get #ended(): boolean {
    return this.#failure !== undefined || this.#closed !== undefined;
  }

  #record(encode: (encoder: EventEncoder, time: string) => void): void {
    this.#assertOpen();
    this.#append(encode);
  }

  #append(encode: (encoder: EventEncoder, time: string) => void): void {
    try {
      encode(this.#encoder, this.#time());
      this.#encoder.flush();
    } catch (error) {
      throw this.#fail(error);
    }
    this.#commit();
  }

  #commit(): void {
    this.#body.commit();
    this.#viewers.tellGrown(this.contentBytes);
  }

  #write(bytes: Buffer): void {
    if (this.#body.file.writtenBytes + bytes.length > this.#limitBytes) {
      throw new DrawbridgeError('recording.too_large', `A recording may have ${this.#limitBytes} bytes.`);
    }
    this.#body.write(bytes);
  }

  #time(): string {
    return ((this.#options.clock.monotonicMs() - this.#startMs) / 1000).toFixed(6);
  }

  #releaseHeld(): void {
    const held = this.#held.take();
    if (held === undefined) return;
    this.#append((encoder, time) => encodeTerminalOutput(encoder, time, held));
    this.#options.onHeldRelease?.(held);
  }

  #releaseHeldLate(): void {
    if (this.#ended) return;
    try {
      this.#releaseHeld();
    } catch (error) {
      if (this.#failure === undefined) throw error;
      this.#options.onFailure?.(this.#failure);
    }
  }

  /** Brings the file to the disk. */
  #sync(): Promise<void> {
    this.#syncing = this.#synced.sync().catch((error: unknown) => {
      if (this.#failure === undefined) this.#options.onFailure?.(this.#fail(error));
    });
    return this.#syncing;
  }

  async #finish(): Promise<RecordingDigest> {
    this.#stopSync();
    try {
      if (this.#failure === undefined) {
        this.#releaseHeld();
        if (this.isEncrypted) await this.#endEncrypted();
        else this.#writeExit();
      }
    } catch (error) {
      // `#append` has kept its own failure, which the digest tells.
      if (this.#failure === undefined) throw error;
    }
    this.#body.forgetKeys();
    const durationMs = this.#options.clock.monotonicMs() - this.#startMs;
    this.#viewers.tellEnded(this.contentBytes);
    await this.#syncing;
    let digest: FileDigest;
    try {
      if (this.#failure === undefined) await this.#sync();
      digest = this.#body.file.digest ?? (await this.#body.file.readBack());
    } catch (error) {
      throw recordingFailed('The recording could not be read back for its digest.', this.path, error);
    } finally {
      this.#body.file.close();
    }
    const failure = this.#failure;
    return {
      ...digest,
      durationMs,
      ...(failure === undefined ? { complete: true } : { complete: false, failure }),
    };
  }

  #writeExit(): void {
    this.#append((encoder, time) => encoder.text(time, EVENT_CODE.exit, Buffer.from(this.#exitStatus)));
  }

  /** Makes a whole age file of it: a small one anew, so that it stays small, unless somebody relies on what is there. */
  async #endEncrypted(): Promise<void> {
    const line = `[${this.#time()}, "${EVENT_CODE.exit}", ${JSON.stringify(this.#exitStatus)}]`;
    if (!this.#isBound && this.#viewers.count === 0) {
      await this.#syncing;
      if (this.#failure !== undefined) throw this.#failure;
      if (await this.#body.replaceSmall(line)) {
        await this.#syncReplaced();
        return;
      }
    }
    try {
      this.#body.writeEnd(line);
    } catch (error) {
      throw this.#fail(error);
    }
    this.#commit();
  }

  async #syncReplaced(): Promise<void> {
    try {
      await syncFolder(path.dirname(this.path));
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #assertOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed !== undefined) {
      throw recordingFailed('The recording is closed, so nothing more can be shown.', this.path, undefined);
    }
  }

  #fail(error: unknown): DrawbridgeError {
    const failure = recordingFailed(
      'The recording could not be written, so the session ends here.',
      this.path,
      error,
    );
    this.#failure = failure;
    this.#held.take();
    this.#encoder.discard();
    this.#stopSync();
    try {
      this.#body.file.rollback();
    } catch {
      // The file then ends in lines that nobody was shown, or in half a line, which readers and recovery cut off.
    }
    this.#viewers.tellEnded(this.contentBytes);
    return failure;
  }
}
