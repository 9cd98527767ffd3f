import { posix } from 'node:path';
import { describePath, type SftpResult, type SftpTransferEvent } from '../sftp/events.ts';
import { Transfer } from '../sftp/transfer.ts';
import { type ScpAnswer, ScpAnswers } from './answers.ts';

/** Longest control line (`C0644 1234 name`); a name has at most 255 bytes on Linux. */
const LINE_LIMIT_BYTES = 8 * 1024;

/** Messages of the sender that wait for their answer; a client that follows the protocol has one. */
const PENDING_MAX = 64;

/** Folders in folders. */
const DEPTH_MAX = 1024;

const NEWLINE = 0x0a;
const OK = 0;
const FATAL = 2;

export interface ScpObserverOptions {
  readonly direction: 'upload' | 'download';
  /** As the command has it. */
  readonly path: string;
  /** `-d`: the path is a folder, in which the names are. */
  readonly intoFolder: boolean;
  readonly onFile: (event: SftpTransferEvent) => void;
  /** From here on nothing is known but the channel's counts and hashes. Called at most once, with a sentence's part. */
  readonly onGaveUp: (reason: string) => void;
}

/** A file as the command and the sender name it; one character per byte: names are bytes, whatever they look like. */
interface FileName {
  readonly path: string;
  /** Given where the path alone does not tell which file it is. */
  readonly sentAs?: string;
}

/** A file whose contents are on their way. */
interface OpenFile {
  readonly name: FileName;
  readonly sizeBytes: number;
  readonly transfer: Transfer;
  /** What the sender said behind the contents. */
  failed: boolean;
}

type State =
  | { readonly kind: 'line' }
  | { readonly kind: 'contents'; readonly file: OpenFile }
  | { readonly kind: 'end'; readonly file: OpenFile }
  | { readonly kind: 'given-up' };

/** What an answer of the receiver is to. */
type Pending =
  | { readonly kind: 'start' | 'times' | 'leave' | 'enter' }
  | { readonly kind: 'file' | 'contents'; readonly file: OpenFile };

/**
 * Follows scp's old protocol (`scp -O`) beside the bytes, without touching them: which files went, with their sizes and
 * hashes. The sender waits for an answer to each message; one that does not is followed as long as all is granted.
 */
export class ScpObserver {
  readonly #options: ScpObserverOptions;
  readonly #answers = new ScpAnswers();
  readonly #folders: string[] = [];
  readonly #pending: Pending[] = [{ kind: 'start' }];
  #state: State = { kind: 'line' };
  #line: Buffer[] = [];
  #lineBytes = 0;

  constructor(options: ScpObserverOptions) {
    this.#options = options;
  }

  /** Bytes of the operator. */
  clientBytes(chunk: Buffer): void {
    if (this.#options.direction === 'upload') this.#sent(chunk);
    else this.#answered(chunk);
  }

  /** Bytes of the host. */
  serverBytes(chunk: Buffer): void {
    if (this.#options.direction === 'download') this.#sent(chunk);
    else this.#answered(chunk);
  }

  /** The channel is over: says what was not finished. */
  end(): void {
    for (const { kind, ...rest } of this.#pending) {
      if (kind === 'contents' && 'file' in rest) this.#tell(rest.file, 'unfinished');
    }
    const state = this.#state;
    if (state.kind === 'contents' || state.kind === 'end') this.#tell(state.file, 'unfinished');
    this.#pending.length = 0;
    this.#state = { kind: 'given-up' };
  }

  #sent(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0 && this.#state.kind !== 'given-up'; ) {
      rest = this.#state.kind === 'contents' ? this.#contents(rest, this.#state.file) : this.#control(rest);
    }
  }

  #contents(chunk: Buffer, file: OpenFile): Buffer {
    const part = chunk.subarray(0, file.sizeBytes - file.transfer.bytes);
    file.transfer.begin(BigInt(file.transfer.bytes), part.length);
    file.transfer.add(part);
    if (file.transfer.bytes === file.sizeBytes) this.#state = { kind: 'end', file };
    return chunk.subarray(part.length);
  }

  /** A line, or the single zero byte behind contents that went well. */
  #control(chunk: Buffer): Buffer {
    if (this.#state.kind === 'end' && this.#lineBytes === 0 && chunk[0] === OK) {
      this.#contentsSent(this.#state.file);
      return chunk.subarray(1);
    }
    const end = chunk.indexOf(NEWLINE);
    const part = end === -1 ? chunk : chunk.subarray(0, end);
    this.#line.push(Buffer.from(part));
    this.#lineBytes += part.length;
    if (this.#lineBytes > LINE_LIMIT_BYTES) return this.#giveUp('the sender sent a line that is too long');
    if (end === -1) return Buffer.alloc(0);
    const line = Buffer.concat(this.#line);
    this.#line = [];
    this.#lineBytes = 0;
    this.#lineSent(line);
    return chunk.subarray(end + 1);
  }

  #lineSent(line: Buffer): void {
    const first = line[0] ?? OK;
    const isError = first > OK && first <= FATAL;
    if (this.#state.kind === 'end') {
      if (!isError) this.#giveUp('something else than the end of a file came behind it');
      else this.#contentsSent({ ...this.#state.file, failed: true });
      return;
    }
    if (isError) return;
    const text = line.toString('latin1');
    const file = /^C[0-7]{4} (\d{1,15}) (.+)$/s.exec(text);
    const folder = /^D[0-7]{4} \d{1,15} (.+)$/s.exec(text);
    if (file !== null) this.#fileBegins(Number(file[1]), file[2] ?? '');
    else if (folder !== null) this.#enter(folder[1] ?? '');
    else if (text === 'E') {
      this.#folders.pop();
      this.#expect({ kind: 'leave' });
    } else if (/^T\d+ \d+ \d+ \d+$/.test(text)) this.#expect({ kind: 'times' });
    else this.#giveUp('the sender sent a line that scp does not know');
  }

  #fileBegins(sizeBytes: number, name: string): void {
    const file = { name: this.#nameOf(name), sizeBytes, transfer: new Transfer(), failed: false };
    this.#state = sizeBytes === 0 ? { kind: 'end', file } : { kind: 'contents', file };
    this.#expect({ kind: 'file', file });
  }

  #enter(name: string): void {
    if (this.#folders.length >= DEPTH_MAX) this.#giveUp('the folders are nested too deeply');
    this.#folders.push(name);
    this.#expect({ kind: 'enter' });
  }

  #contentsSent(file: OpenFile): void {
    this.#state = { kind: 'line' };
    // What the host has sent is known now; what it has written, when it says so.
    if (this.#options.direction === 'download') this.#tell(file, file.failed ? 'failed' : 'ok');
    this.#expect({ kind: 'contents', file });
  }

  #expect(pending: Pending): void {
    if (this.#pending.length >= PENDING_MAX) this.#giveUp('the sender does not wait for answers');
    else this.#pending.push(pending);
  }

  #answered(chunk: Buffer): void {
    if (this.#state.kind === 'given-up') return;
    for (const answer of this.#answers.read(chunk)) {
      if (answer === 'malformed') this.#giveUp('the receiver sent what is no answer');
      else this.#take(answer);
    }
  }

  #take(answer: ScpAnswer): void {
    const pending = this.#pending.shift();
    if (pending === undefined) return;
    const granted = answer === 'ok';
    if (pending.kind === 'contents') {
      const wasWritten = granted && !pending.file.failed;
      if (this.#options.direction === 'upload') this.#tell(pending.file, wasWritten ? 'ok' : 'failed');
    } else if (!granted) this.#refused(pending);
  }

  #refused(pending: Pending): void {
    if (pending.kind === 'enter') this.#folders.pop();
    if (pending.kind !== 'file') return;
    const { file } = pending;
    const isNext =
      (this.#state.kind === 'contents' || this.#state.kind === 'end') && this.#state.file === file;
    if (!isNext || file.transfer.bytes > 0) {
      this.#giveUp('the sender went on with a file that the receiver had refused');
      return;
    }
    this.#state = { kind: 'line' };
    this.#tell(file, 'failed');
  }

  #nameOf(name: string): FileName {
    const { direction, path, intoFolder } = this.#options;
    const inner = [...this.#folders, name];
    const sentAs = inner.join('/');
    const own = Buffer.from(path).toString('latin1');
    if (direction === 'download') {
      // A command with more than one path does not say to which of them a name belongs.
      return own.includes(' ') ? { path: own, sentAs } : { path: posix.join(posix.dirname(own), ...inner) };
    }
    // Without -d the path is the new file itself, or its folder when there is one of that name: only the host knows.
    const isFolder = intoFolder || own.endsWith('/');
    return isFolder
      ? { path: posix.join(own, ...inner) }
      : { path: posix.join(own, ...inner.slice(1)), sentAs };
  }

  #tell(file: OpenFile, result: SftpResult): void {
    const isUpload = this.#options.direction === 'upload';
    const { path, sentAs } = file.name;
    this.#options.onFile({
      type: isUpload ? 'file.written' : 'file.read',
      action: isUpload ? 'write' : 'read',
      ...describePath(Buffer.from(path, 'latin1')),
      ...(sentAs === undefined ? {} : { sentAs: describePath(Buffer.from(sentAs, 'latin1')).path }),
      result,
      ...file.transfer.result(),
    });
  }

  #giveUp(reason: string): Buffer {
    if (this.#state.kind !== 'given-up') this.#options.onGaveUp(reason);
    this.#state = { kind: 'given-up' };
    return Buffer.alloc(0);
  }
}
