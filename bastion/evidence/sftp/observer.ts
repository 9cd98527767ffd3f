import type { SftpEvent, SftpPath, SftpResult } from './events.ts';
import type { OpenFile } from './open-file.ts';
import { handleKey, OpenHandles } from './open-handles.ts';
import { DATA_HEAD_BYTES, extensionOf, replyHeadLength, requestHeadLength } from './packet-heads.ts';
import { type PacketSink, PacketStream } from './packet-stream.ts';
import { FieldReader, PACKET, STATUS } from './protocol.ts';
import { readRequest } from './read-request.ts';
import type { Transfer } from './transfer.ts';
import { ANY_TRANSFER, changeRefusal, sizeRefusal, type TransferRules } from './transfer-rules.ts';
import { type Request, WaitingRequests } from './waiting-requests.ts';

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
  readonly #requests = new WaitingRequests();
  readonly #handles = new OpenHandles();
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
    return this.#requests.shouldHold;
  }

  /** The connection is over: tells of what was under way. */
  end(): void {
    if (this.#over) return;
    if (this.#client.inPacket || this.#server.inPacket) this.#giveUp('the connection ended inside a packet');
    else this.#finish();
  }

  #clientSink(): PacketSink {
    return {
      headLength: requestHeadLength,
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
      headLength: replyHeadLength,
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
    const rules = this.#rules();
    const refused = changeRefusal(rules, type, extensionOf(type, head));
    if (refused !== undefined) {
      this.#refuse(refused);
      return;
    }
    const fields = new FieldReader(head);
    const id = fields.uint32();
    const handles = this.#handles;
    const read = readRequest(type, fields, payloadLength - head.length, { handles, rules });
    if (read.kind === 'refused') this.#refuse(read.reason, read.path);
    else if (read.kind === 'strange') this.#giveUp(STRANGE_HANDLE);
    else if (read.kind === 'malformed' || fields.short)
      this.#giveUp(`the client sent a request of type ${type} that is malformed or too long`);
    else {
      this.#clientContents = read.contents;
      const problem = this.#requests.add(id, read.request);
      if (problem !== undefined) this.#giveUp(problem);
    }
  }

  #reply(type: number, payloadLength: number, fields: FieldReader): void {
    if (type === PACKET.version) return;
    const request = this.#requests.take(fields.uint32());
    if (request === undefined) {
      this.#giveUp('the server answered a request that was not made');
      return;
    }
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
    const folder = request.kind === 'list';
    if (!this.#handles.give(handle, { file: request.file, folder })) {
      this.#giveUp('the server gave out a handle that is in use, or too many');
      return;
    }
    if (folder) this.#onEvent({ type: 'file.read', action: 'list', ...request.file.path, result: 'ok' });
  }

  #dataReply(request: Request, length: number, payloadLength: number): void {
    if (request.kind !== 'read' || length !== payloadLength - DATA_HEAD_BYTES) {
      this.#giveUp(wrongReply(PACKET.data));
      return;
    }
    const refused = sizeRefusal(this.#rules(), request.offset + BigInt(length));
    if (refused !== undefined) {
      this.#refuse(refused, request.file.path);
      return;
    }
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
    const opened = this.#handles.closed(handle);
    if (opened?.folder === false) this.#tellOf(opened.file, end);
  }

  #tellOf(file: OpenFile, end: { readonly result: SftpResult; readonly status?: number }): void {
    for (const event of file.events(end)) this.#onEvent(event);
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
    for (const { file, folder } of this.#handles.all()) {
      if (!folder) this.#tellOf(file, { result: 'unfinished' });
    }
    for (const request of this.#requests.all()) {
      if (request.kind === 'change') this.#onEvent({ ...request.change, result: 'unfinished' });
      if (request.kind === 'open') this.#tellOf(request.file, { result: 'unfinished' });
    }
    this.#handles.clear();
    this.#requests.clear();
  }
}

function endOf(status: number): { readonly result: SftpResult; readonly status?: number } {
  return status === STATUS.ok ? { result: 'ok' } : { result: 'failed', status };
}

function wrongReply(type: number): string {
  return `the server sent an answer of type ${type} that does not fit the request`;
}
