import { join } from 'node:path';
import { Recorder, type RecordingDigest } from '../../recordings/recorder.ts';
import type { Json } from '../../shared/audit/event.ts';
import { isoTime } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { ChannelRequest } from '../../shared/ssh/channel-request.ts';
import type { DataStream } from '../../shared/ssh/ordered-queue.ts';
import { ByteAccount } from '../evidence/byte-account.ts';
import { scpIntoFolder } from '../evidence/exec-kind.ts';
import { KeptInput } from '../evidence/kept-input.ts';
import { ScpObserver } from '../evidence/scp/observer.ts';
import type { SftpEvent } from '../evidence/sftp/events.ts';
import { SftpObserver } from '../evidence/sftp/observer.ts';
import { recordingName } from '../sessions/recording-name.ts';
import type { ChannelPlan } from './channel-plan.ts';
import { FileEvents } from './file-events.ts';
import type { SessionContext } from './session-context.ts';
import { TransferLimits } from './transfer-limits.ts';

type PtyRequest = Extract<ChannelRequest, { kind: 'pty' }>;

/** Code of the error that ends a channel whose files can't be told from its bytes. */
export const FILES_UNCLEAR = 'evidence.files_unclear';

/** Terminal size of a recording without a terminal. */
const NO_PTY_SIZE = { cols: 80, rows: 24 };

export interface ChannelEvidenceOptions {
  readonly context: SessionContext;
  readonly number: number;
  readonly plan: ChannelPlan;
  readonly pty: PtyRequest | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** Bytes that the recorder held back and lets go now. */
  readonly onRelease: (chunk: Buffer) => void;
}

/** Everything that is kept of one channel: recording, counts, hashes, files. Every byte passes through it first. */
export class ChannelEvidence {
  readonly #options: ChannelEvidenceOptions;
  /** Of a transfer, there from the first error output on. */
  #recorder: Recorder | undefined;
  readonly #observer: SftpObserver | undefined;
  readonly #scp: ScpObserver | undefined;
  readonly #input = new ByteAccount();
  readonly #keptInput: KeptInput | undefined;
  readonly #output: ByteAccount | undefined;
  readonly #fileEvents: FileEvents;
  #bytesIn = 0;
  #bytesOut = 0;
  readonly #limits: TransferLimits;
  #observerGaveUp: string | undefined;
  /** Why the files of an scp are not known; unlike SFTP's, its bytes are hashed as a whole and go on. */
  #scpGaveUp: string | undefined;
  #refused: string | undefined;

  /** @throws `recording.failed`: then nothing may be started. */
  constructor(options: ChannelEvidenceOptions) {
    this.#options = options;
    const { plan, context } = options;
    this.#fileEvents = new FileEvents({
      clock: context.services.clock,
      record: (type, fields) => context.record(type, fields),
    });
    this.#recorder = plan.evidence === 'record' ? this.#createRecorder() : undefined;
    this.#output = plan.evidence === 'record' ? undefined : new ByteAccount();
    this.#limits = new TransferLimits(options.context, plan.action);
    this.#observer =
      plan.evidence === 'sftp'
        ? new SftpObserver(
            (event) => this.#onFile(event),
            () => this.#limits.rules,
          )
        : undefined;
    this.#scp = this.#observeScp();
    this.#keptInput = this.#keepInput();
  }

  get recorder(): Recorder | undefined {
    return this.#recorder;
  }

  get bytes(): { readonly in: number; readonly out: number } {
    return { in: this.#bytesIn, out: this.#bytesOut };
  }

  /** Whether the standard input of the command is kept, as far as it is small and text. */
  get keepsInput(): boolean {
    return this.#keptInput !== undefined;
  }

  /** True while the operator should get no room for more input: see {@link SftpObserver.shouldHold}. */
  get inputHeld(): boolean {
    return this.#observer?.shouldHold ?? false;
  }

  /** Stores that the recording has begun, for lists. @throws `store.*` */
  async announce(): Promise<void> {
    if (this.#recorder === undefined) return;
    const { context, number, plan } = this.#options;
    const recording = {
      channel: number,
      kind: plan.kind,
      ...(plan.command === undefined ? {} : { command: plan.command }),
      startedAt: isoTime(context.services.clock),
      path: this.#recorder.path,
      ...(this.#recorder.isEncrypted ? { encrypted: true } : {}),
    };
    context.session.recordingChanged({
      ...recording,
      sizeBytes: this.#recorder.sizeBytes,
      state: 'recording',
    });
    await context.services.store.startRecording(context.session.identity.id, recording);
  }

  /**
   * Output of the host: gives back what may be released now.
   * @throws `recording.failed`, {@link FILES_UNCLEAR}, `transfer.refused`
   */
  output(chunk: Buffer, stream: DataStream): Buffer {
    this.#bytesOut += chunk.length;
    this.#options.context.session.count('out', chunk.length);
    if (stream === 'stdout') this.#limits.assertSize(this.#options.plan.transfer, this.bytes);
    if (this.#output === undefined || stream === 'stderr') {
      const recorder = this.#recorder ?? this.#recordErrors();
      return stream === 'stderr' ? recorder.stderr(chunk) : recorder.output(chunk);
    }
    this.#output.add('out', chunk);
    this.#observer?.serverBytes(chunk);
    this.#scp?.serverBytes(chunk);
    this.#assertFollowed();
    return chunk;
  }

  /** No more output will come: gives back what was held back of it. @throws `recording.failed` */
  outputEnd(): Buffer {
    return this.#recorder?.outputEnd() ?? Buffer.alloc(0);
  }

  /**
   * Input of the operator, before the host gets it. What is typed into a terminal is counted only.
   * @throws {@link FILES_UNCLEAR}, `transfer.refused`, `recording.failed`: then it must not get there.
   */
  input(chunk: Buffer): void {
    this.#bytesIn += chunk.length;
    this.#options.context.session.count('in', chunk.length);
    if (this.#options.pty !== undefined) return;
    this.#limits.assertSize(this.#options.plan.transfer, this.bytes);
    this.#input.add('in', chunk);
    this.#observer?.clientBytes(chunk);
    this.#scp?.clientBytes(chunk);
    this.#keptInput?.take(chunk);
    this.#assertFollowed();
  }

  /** A line of ours, shown in the operator's terminal: part of the recording like everything that is seen there. */
  notice(text: string): Buffer {
    const chunk = Buffer.from(text);
    return this.#recorder === undefined ? chunk : this.#recorder.output(chunk);
  }

  /** Notes in the recording what happened around it. Not to be able to is no fault any more: the session ends. */
  mark(label: string): void {
    try {
      this.#recorder?.marker(label);
    } catch (error) {
      this.#options.context.services.log.warn({ err: error }, 'a marker could not be recorded');
    }
  }

  /** Closes everything. Resolves with what belongs in the event that the channel has ended. */
  async close(): Promise<Readonly<Record<string, Json | undefined>>> {
    this.#observer?.end();
    this.#scp?.end();
    await this.#fileEvents.settle();
    const digest = await this.#closeRecording();
    const input = this.#input.result();
    const filesUnknownBecause = this.#observerGaveUp ?? this.#scpGaveUp;
    return {
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
      ...(this.#options.pty === undefined ? { sha256In: input.sha256In } : {}),
      ...(this.#keptInput === undefined ? {} : { stdinKept: { ...this.#keptInput.result() } }),
      ...(this.#output === undefined ? {} : { sha256Out: this.#output.result().sha256Out }),
      ...(filesUnknownBecause === undefined ? {} : { filesUnknownBecause }),
      ...(digest === undefined
        ? {}
        : {
            recording: {
              path: this.#recordingName,
              sha256: digest.sha256,
              sizeBytes: digest.sizeBytes,
              complete: digest.complete,
            },
          }),
    };
  }

  get #recordingName(): string {
    const { context, number } = this.#options;
    return recordingName(context.session.identity, number, context.services.encryptTo !== undefined);
  }

  /** Begins the recording of a transfer's error output. Recovery finds the file, should its listing be lost. */
  #recordErrors(): Recorder {
    this.#recorder = this.#createRecorder();
    this.announce().catch((error: unknown) => this.#options.context.endForEvidence(error));
    return this.#recorder;
  }

  /** An SFTP channel whose packets make no sense could carry anything, a shell among it. */
  #assertFollowed(): void {
    if (this.#refused !== undefined) throw this.#limits.refusal(this.#refused);
    if (this.#observerGaveUp === undefined) return;
    const { bastionName } = this.#options.context.services;
    throw new DrawbridgeError(
      FILES_UNCLEAR,
      `${bastionName} can not tell what this file transfer does, so it ends here: ${this.#observerGaveUp}.`,
    );
  }

  #createRecorder(): Recorder {
    const { context, number, plan, pty, environment, onRelease } = this.#options;
    const { session, services } = context;
    const { id, operator, host, login, passId } = session.identity;
    const size = pty ?? NO_PTY_SIZE;
    return Recorder.create(
      join(services.recordingsDirectory, this.#recordingName),
      {
        width: size.cols,
        height: size.rows,
        timestamp: Math.floor(services.clock.nowMs() / 1000),
        env: { ...environment, ...(pty === undefined ? {} : { TERM: pty.term }) },
        title: `${operator} on ${host} as ${login}`,
        ...(plan.command === undefined ? {} : { command: plan.command }),
        drawbridge: {
          session: id,
          channel: number,
          operator,
          host,
          login,
          bastion: services.bastionName,
          kind: plan.kind,
          pass: passId,
        },
      },
      {
        clock: services.clock,
        pty: pty !== undefined,
        sync: services.recordingSync,
        ...(services.encryptTo === undefined ? {} : { encryptTo: services.encryptTo }),
        onHeldRelease: onRelease,
        onFailure: (error) => context.endForEvidence(error),
      },
    );
  }

  async #closeRecording(): Promise<RecordingDigest | undefined> {
    const recorder = this.#recorder;
    if (recorder === undefined) return undefined;
    const { context, number, plan } = this.#options;
    const digest = await recorder.close();
    const end = {
      state: digest.complete ? ('closed' as const) : ('interrupted' as const),
      durationMs: Math.round(digest.durationMs),
      sizeBytes: digest.sizeBytes,
      sha256: digest.sha256,
    };
    await context.record('recording.closed', {
      channel: number,
      path: this.#recordingName,
      sha256: digest.sha256,
      sizeBytes: digest.sizeBytes,
      durationMs: end.durationMs,
      complete: digest.complete,
    });
    await context.services.store.endRecording(context.session.identity.id, number, end);
    context.session.recordingChanged({
      channel: number,
      kind: plan.kind,
      ...(plan.command === undefined ? {} : { command: plan.command }),
      startedAt: context.session.identity.startedAt,
      path: recorder.path,
      ...(recorder.isEncrypted ? { encrypted: true } : {}),
      ...end,
    });
    return digest;
  }

  /** Of commands alone: what is typed into a terminal holds passwords, and files that are transferred are hashed. */
  #keepInput(): KeptInput | undefined {
    const { context, plan, pty } = this.#options;
    const isCommand = plan.kind === 'exec' && plan.transfer === undefined && pty === undefined;
    if (!isCommand || this.#recorder === undefined || !context.keepsStdin(plan.action)) return undefined;
    return new KeptInput(this.#recorder);
  }

  #observeScp(): ScpObserver | undefined {
    const { plan } = this.#options;
    const { transfer, command, evidence } = plan;
    if (transfer?.kind !== 'scp' || evidence !== 'count') return undefined;
    return new ScpObserver({
      direction: transfer.direction,
      path: transfer.path,
      intoFolder: scpIntoFolder(command ?? ''),
      onFile: (event) => this.#onFile(event),
      onGaveUp: (reason) => {
        this.#scpGaveUp = reason;
      },
    });
  }

  #onFile(event: SftpEvent): void {
    if (event.type === 'observer.gave_up') {
      this.#observerGaveUp = event.reason;
      return;
    }
    if (event.type === 'file.refused') this.#refused = event.reason;
    this.#fileEvents.add(event.type, { ...fieldsOf(event), channel: this.#options.number });
  }
}

function fieldsOf(
  event: Exclude<SftpEvent, { type: 'observer.gave_up' }>,
): Readonly<Record<string, Json | undefined>> {
  if ('sequential' in event || event.type === 'file.refused') {
    const { type, ...fields } = event;
    return fields;
  }
  const { type, other, ...fields } = event;
  return other === undefined ? fields : { ...fields, other: { ...other } };
}
