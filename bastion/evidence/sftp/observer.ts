import { describePath, type SftpEvent, type SftpPath, type SftpResult } from './events.ts';
import { OpenFile } from './open-file.ts';
import { type PacketSink, PacketStream } from './packet-stream.ts';
import { FieldReader, HANDLE_LIMIT_BYTES, PACKET, STATUS } from './protocol.ts';
import { type Change, readChange } from './requests.ts';
import type { Transfer } from './transfer.ts';
import {
  ANY_TRANSFER,
  changeRefusal,
  openRefusal,
  readRefusal,
  sizeRefusal,
  type TransferRules,
} from './transfer-rules.ts';

/**
 * Requests that wait for their answer, from which on the client should be held up. Some clients ask for a whole file at
 * once, 32 KiB by 32 KiB.
 */
export const REQUESTS_BEFORE_HOLD = 16_384;

/** What may come on top of that: a 2 MiB window of the smallest requests that are on their way already. */
export const REQUESTS_LIMIT = REQUESTS_BEFORE_HOLD + 2 ** 17;

/** Of them, those that carry names. */
const NAMED_REQUESTS_LIMIT = 256;

/** Files and folders open at a time; OpenSSH's server has as many file descriptors. */
const HANDLES_LIMIT = 1024;

/** A request that waits for its answer. */
type Request =
  | { readonly kind: 'open'; readonly file: OpenFile }
  | { readonly kind: 'list'; readonly file: OpenFile }
  | { readonly kind: 'close'; readonly handle: string }
  | { readonly kind: 'read'; readonly file: OpenFile; readonly offset: bigint }
  | { readonly kind: 'write'; readonly file: OpenFile }
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'other' };

const OTHER: Request = { kind: 'other' };

/** What the server has given a handle for. */
interface Opened {
  readonly file: OpenFile;
  readonly folder: boolean;
  /** The client has asked to close it: from then on the server may give the same handle to another file. */
  closing: boolean;
}

/**
 * Servers number their handles, so that a client could use one before it has it, or after it gave it back: what it then
 * writes would go into a file that nobody here knows.
 */
const STRANGE_HANDLE = 'the client changes a file by a handle that it does not have at that moment';

/**
 * Follows an SFTP connection (version 3, with OpenSSH's extensions) beside its way and tells which files were read,
 * written, removed and renamed, with counts and hashes of their contents.
 *
 * What its rules don't allow it says as `file.refused`, once, and takes no more: whoever passes the bytes on must not
 * pass on the piece that it came with, and must end the channel.
 *
 * It is passive: it gets each piece of each direction before that is passed on, and can neither change nor delay it.
 * Its memory is bounded: contents are hashed as they stream by, names and tables have limits. When the bytes are not
 * what it can follow, it says `observer.gave_up` once, with the reason, and takes no more; whoever needs complete
 * evidence of files must end the channel then. It never throws, whatever the bytes.
 */
export class SftpObserver {
  readonly #onEvent: (event: SftpEvent) => void;
  readonly #rules: () => TransferRules;
  readonly #client: PacketStream;
  readonly #server: PacketStream;
  readonly #requests = new Map<number, Request>();
  readonly #handles = new Map<string, Opened>();
  #namedRequests = 0;
  #clientContents: Transfer | undefined;
  #serverContents: Transfer | undefined;
  #over = false;

  /** `onEvent` must not throw. `rules` are those of the moment; without them everything may be transferred. */
  constructor(onEvent: (event: SftpEvent) => void, rules: () => TransferRules = () => ANY_TRANSFER) {
    this.#onEvent = onEvent;
    this.#rules = rules;
    this.#client = new PacketStream(this.#clientSink());
    this.#server = new PacketStream(this.#serverSink());
  }

  /** The next bytes from the client to the server. */
  clientBytes(chunk: Buffer): void {
    this.#client.push(chunk);
  }

  /** The next bytes from the server to the client; after the requests that they answer. */
  serverBytes(chunk: Buffer): void {
    this.#server.push(chunk);
  }

  /** True while so many requests wait that the client should not be given room for more. */
  get shouldHold(): boolean {
    return this.#requests.size >= REQUESTS_BEFORE_HOLD;
  }

  /** The connection is over: tells of what was under way. */
  end(): void {
    if (this.#over) return;
    if (this.#client.inPacket || this.#server.inPacket) this.#giveUp('the connection ended inside a packet');
    else this.#finish();
  }

  #clientSink(): PacketSink {
    return {
      headLength: (type, payloadLength, gathered) =>
        type === PACKET.write ? writeHeadLength(gathered) : payloadLength,
      begin: (type, payloadLength, head) => this.#request(type, payloadLength, head),
      body: (piece) => this.#clientContents?.add(piece),
      end: () => {
        this.#clientContents = undefined;
      },
      broken: (reason) => this.#giveUp(`the client sent ${reason}`),
    };
  }

  #serverSink(): PacketSink {
    return {
      headLength: (type) => replyHeadLength(type),
      begin: (type, payloadLength, head) => this.#reply(type, payloadLength, new FieldReader(head)),
      body: (piece) => this.#serverContents?.add(piece),
      end: () => {
        this.#serverContents = undefined;
      },
      broken: (reason) => this.#giveUp(`the server sent ${reason}`),
    };
  }

  #request(type: number, payloadLength: number, head: Buffer): void {
    if (type === PACKET.init) return;
    const refused = changeRefusal(this.#rules(), type, extensionOf(type, head));
    if (refused !== undefined) {
      this.#refuse(refused);
      return;
    }
    const fields = new FieldReader(head);
    const id = fields.uint32();
    const request = this.#readRequest(type, fields, payloadLength - head.length);
    if (this.#over) return;
    if (request === undefined || fields.short) {
      this.#giveUp(`the client sent a request of type ${type} that is malformed or too long`);
      return;
    }
    if (this.#requests.has(id)) {
      this.#giveUp('the client used the id of a request that was still waiting');
      return;
    }
    if (isNamed(request)) this.#namedRequests++;
    this.#requests.set(id, request);
    if (this.#requests.size > REQUESTS_LIMIT || this.#namedRequests > NAMED_REQUESTS_LIMIT) {
      this.#giveUp('the client has too many requests waiting');
    }
  }

  #readRequest(type: number, fields: FieldReader, bodyLength: number): Request | undefined {
    switch (type) {
      case PACKET.open: {
        const path = describePath(fields.string());
        const flags = fields.uint32();
        this.#heed(openRefusal(this.#rules(), flags), path);
        return { kind: 'open', file: new OpenFile(path, flags) };
      }
      case PACKET.opendir:
        return { kind: 'list', file: new OpenFile(describePath(fields.string()), 0) };
      case PACKET.close:
        return this.#readClose(handleKey(fields.string()));
      case PACKET.read: {
        const file = this.#fileOf(fields.string());
        if (file === undefined) return OTHER;
        this.#heed(readRefusal(this.#rules()), file.path);
        return { kind: 'read', file, offset: fields.uint64() };
      }
      case PACKET.write:
        return this.#readWrite(fields, bodyLength);
      default: {
        const change = readChange(type, fields, (handle) => this.#changedBy(handle)?.file.path);
        if (change?.action === 'copy') this.#spoilCopied(change);
        return change === undefined ? OTHER : { kind: 'change', change };
      }
    }
  }

  #readWrite(fields: FieldReader, bodyLength: number): Request | undefined {
    const handle = fields.string();
    const offset = fields.uint64();
    const length = fields.uint32();
    if (fields.short || length !== bodyLength) return undefined;
    const file = this.#changedBy(handle)?.file;
    if (file === undefined) return undefined;
    const endBytes = file.appends ? file.writes().bytes + length : offset + BigInt(length);
    this.#heed(sizeRefusal(this.#rules(), endBytes), file.path);
    file.writeSent();
    this.#clientContents = file.writes();
    if (file.appends) this.#clientContents.beginAppended(offset);
    else this.#clientContents.begin(offset, length);
    return { kind: 'write', file };
  }

  /** A copy on the server changes a file by bytes that never come by here. */
  #spoilCopied(change: Change): void {
    for (const { file } of this.#handles.values()) {
      if (file.path.path === change.path) file.writes().spoil();
    }
  }

  #readClose(handle: string): Request {
    const opened = this.#handles.get(handle);
    if (opened !== undefined) opened.closing = true;
    return { kind: 'close', handle };
  }

  #fileOf(handle: Buffer): OpenFile | undefined {
    const opened = this.#opened(handle);
    return opened?.folder === false ? opened.file : undefined;
  }

  /** What a request is about that changes what is behind `handle`; one that is about nothing is not passed on. */
  #changedBy(handle: Buffer): Opened | undefined {
    const opened = this.#opened(handle);
    if (opened === undefined) this.#giveUp(STRANGE_HANDLE);
    return opened;
  }

  #opened(handle: Buffer): Opened | undefined {
    const opened = this.#handles.get(handleKey(handle));
    return opened?.closing === true ? undefined : opened;
  }

  #reply(type: number, payloadLength: number, fields: FieldReader): void {
    if (type === PACKET.version) return;
    const id = fields.uint32();
    const request = this.#requests.get(id);
    if (request === undefined) {
      this.#giveUp('the server answered a request that was not made');
      return;
    }
    this.#requests.delete(id);
    if (isNamed(request)) this.#namedRequests--;
    if (type === PACKET.handle) this.#handleReply(request, fields);
    else if (type === PACKET.data) this.#dataReply(request, fields.uint32(), payloadLength);
    else if (type === PACKET.status) this.#statusReply(request, fields.uint32());
    else if (request.kind !== 'other' && request.kind !== 'change') this.#giveUp(wrongReply(type));
    if (fields.short) this.#giveUp('the server sent an answer that is malformed or too long');
  }

  #handleReply(request: Request, fields: FieldReader): void {
    if (request.kind !== 'open' && request.kind !== 'list') {
      this.#giveUp(wrongReply(PACKET.handle));
      return;
    }
    const handle = handleKey(fields.string());
    if (fields.short) return;
    if (this.#handles.has(handle) || this.#handles.size >= HANDLES_LIMIT) {
      this.#giveUp('the server gave out a handle that is in use, or too many');
      return;
    }
    const folder = request.kind === 'list';
    this.#handles.set(handle, { file: request.file, folder, closing: false });
    if (folder) this.#onEvent({ type: 'file.read', action: 'list', ...request.file.path, result: 'ok' });
  }

  #dataReply(request: Request, length: number, payloadLength: number): void {
    if (request.kind !== 'read' || length !== payloadLength - DATA_HEAD_BYTES) {
      this.#giveUp(wrongReply(PACKET.data));
      return;
    }
    this.#heed(sizeRefusal(this.#rules(), request.offset + BigInt(length)), request.file.path);
    if (this.#over) return;
    this.#serverContents = request.file.reads();
    this.#serverContents.begin(request.offset, length);
  }

  #statusReply(request: Request, status: number): void {
    const end = endOf(status);
    switch (request.kind) {
      case 'open':
        this.#tellOf(request.file, end);
        return;
      case 'list':
        this.#onEvent({ type: 'file.read', action: 'list', ...request.file.path, ...end });
        return;
      case 'close':
        this.#closed(request.handle, end);
        return;
      case 'read':
        if (status !== STATUS.endOfFile) request.file.readFailed(status);
        return;
      case 'write':
        request.file.writeAnswered(status === STATUS.ok ? undefined : status);
        return;
      case 'change':
        this.#onEvent({ ...request.change, ...end });
        return;
      case 'other':
        return;
    }
  }

  #closed(handle: string, end: { readonly result: SftpResult; readonly status?: number }): void {
    const entry = this.#handles.get(handle);
    this.#handles.delete(handle);
    if (entry?.folder === false) this.#tellOf(entry.file, end);
  }

  #tellOf(file: OpenFile, end: { readonly result: SftpResult; readonly status?: number }): void {
    for (const event of file.events(end)) this.#onEvent(event);
  }

  #heed(refused: string | undefined, path: SftpPath): void {
    if (refused !== undefined) this.#refuse(refused, path);
  }

  #refuse(reason: string, path: Partial<SftpPath> = {}): void {
    if (this.#over) return;
    this.#finish();
    this.#onEvent({ type: 'file.refused', ...path, reason });
  }

  #giveUp(reason: string): void {
    if (this.#over) return;
    this.#finish();
    this.#onEvent({ type: 'observer.gave_up', reason });
  }

  #finish(): void {
    this.#over = true;
    this.#client.stop();
    this.#server.stop();
    this.#clientContents = undefined;
    this.#serverContents = undefined;
    for (const { file, folder } of this.#handles.values()) {
      if (!folder) this.#tellOf(file, { result: 'unfinished' });
    }
    for (const request of this.#requests.values()) {
      if (request.kind === 'change') this.#onEvent({ ...request.change, result: 'unfinished' });
      if (request.kind === 'open') this.#tellOf(request.file, { result: 'unfinished' });
    }
    this.#handles.clear();
    this.#requests.clear();
  }
}

const ID_BYTES = 4;
const LENGTH_BYTES = 4;
const DATA_HEAD_BYTES = ID_BYTES + LENGTH_BYTES;

/** Id, handle, offset and length of a WRITE; its contents are not gathered. */
function writeHeadLength(gathered: Buffer): number {
  const toHandle = ID_BYTES + LENGTH_BYTES;
  if (gathered.length < toHandle) return toHandle;
  const handleLength = Math.min(gathered.readUInt32BE(ID_BYTES), HANDLE_LIMIT_BYTES);
  return toHandle + handleLength + 8 + LENGTH_BYTES;
}

function replyHeadLength(type: number): number {
  if (type === PACKET.version) return 0;
  if (type === PACKET.handle) return ID_BYTES + LENGTH_BYTES + HANDLE_LIMIT_BYTES;
  return type === PACKET.data || type === PACKET.status ? ID_BYTES + LENGTH_BYTES : ID_BYTES;
}

function extensionOf(type: number, head: Buffer): string | undefined {
  if (type !== PACKET.extended) return undefined;
  const fields = new FieldReader(head);
  fields.uint32();
  const name = fields.string().toString('latin1');
  return fields.short ? undefined : name;
}

function handleKey(handle: Buffer): string {
  return handle.toString('latin1');
}

function isNamed(request: Request): boolean {
  return request.kind === 'change' || request.kind === 'open' || request.kind === 'list';
}

function endOf(status: number): { readonly result: SftpResult; readonly status?: number } {
  return status === STATUS.ok ? { result: 'ok' } : { result: 'failed', status };
}

function wrongReply(type: number): string {
  return `the server sent an answer of type ${type} that does not fit the request`;
}
