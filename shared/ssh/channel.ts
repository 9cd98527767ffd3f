import { messageOf } from '../errors.ts';
import { type ChannelRequest, decodeChannelRequest, encodeChannelRequest } from './channel-request.ts';
import { MESSAGE } from './messages.ts';
import { type DataStream, OrderedQueue, type QueueItem } from './ordered-queue.ts';
import { protocolFault, type WireReader, WireWriter } from './wire.ts';

/** `write` says false from here on, until the queue is below {@link QUEUE_LOW_BYTES}. */
export const QUEUE_HIGH_BYTES = 64 * 1024;
export const QUEUE_LOW_BYTES = 16 * 1024;

/** Largest piece of data in one packet that we send or accept; what every client takes (RFC 4253, section 6.1). */
export const MAX_PACKET_DATA_BYTES = 32 * 1024;

/** Requests of a peer that may wait behind one that is being decided; one more ends the connection. */
export const MAX_WAITING_REQUESTS = 1024;

/** Requests of ours that may wait for the peer's answer; one more is refused at once. */
const MAX_UNANSWERED_REQUESTS = 1024;

/** Window credit is given back in pieces of at most this size, so that a sender never runs dry. */
const CREDIT_STEP_BYTES = 128 * 1024;

/** What the owner of a channel wants to hear. All calls come in the order of the wire. */
export interface ChannelHandlers {
  /**
   * Data of the peer. It counts against the receive window until {@link SshChannel.consumed} was called for it.
   * Not given: data, and what comes behind it, waits until somebody attaches who takes it.
   */
  onData?(chunk: Buffer, stream: DataStream): void;
  /** The peer will send no more data; requests may still come. */
  onEof?(): void;
  /**
   * A request of the peer. `true` grants, `false` (or a rejection) refuses; nothing that came behind it is handed
   * out before it is decided. Not given: refused.
   */
  onRequest?(request: ChannelRequest): boolean | Promise<boolean>;
  /** After `write` has said false: there is room again. */
  onDrain?(): void;
  /** The channel is gone: closed by both sides, or its connection ended. Called exactly once. */
  onClosed?(): void;
}

/** What a channel needs from its connection. */
export interface ChannelTransport {
  send(payload: Buffer): void;
  sendData(remoteId: number, stream: DataStream, chunk: Buffer): void;
  /** True while no bulk data may be sent: the transport is full or keys are being exchanged. */
  readonly congested: boolean;
  /** Ends the connection for a fault of the peer. */
  fail(error: unknown): void;
  /** Forgets the channel; its id is free from now on. */
  remove(localId: number): void;
}

/** Numbers that were agreed on when the channel was opened. */
export interface ChannelNumbers {
  readonly localId: number;
  readonly remoteId: number;
  readonly receiveWindowBytes: number;
  readonly sendWindowBytes: number;
  readonly sendPacketBytes: number;
}

type Mark = { readonly request: Buffer } | 'eof' | 'close';
type Arrival = { readonly request: ChannelRequest; readonly wantReply: boolean } | 'eof' | 'closed';

/** How far each direction is; `closed` for ours means that CLOSE was sent. */
type Direction = 'open' | 'eof' | 'closed';

/**
 * One SSH channel (RFC 4254, section 5), the same for both ends of a connection.
 *
 * Standard output and error leave through one ordered queue, so that neither can block the other and an exit status
 * stands behind all output. Flow control is the owner's: the peer may send again only what was `consumed`.
 */
export class SshChannel {
  /** What the opener asked for (`session`, `direct-tcpip`, …). */
  readonly type: string;
  readonly #transport: ChannelTransport;
  readonly #numbers: ChannelNumbers;
  readonly #outbox = new OrderedQueue<Mark>();
  readonly #inbox = new OrderedQueue<Arrival>();
  readonly #gone = new AbortController();
  readonly #unanswered: ((granted: boolean) => void)[] = [];
  #handlers: ChannelHandlers = {};
  #attached = false;
  #deciding = false;
  #afterDecision: (() => void)[] = [];
  #sendWindowBytes: number;
  #receiveWindowBytes: number;
  #creditBytes = 0;
  #ours: Direction = 'open';
  #ending = false;
  #theirs: Direction = 'open';
  #wantsDrain = false;
  #closedHandedOut = false;

  constructor(type: string, numbers: ChannelNumbers, transport: ChannelTransport) {
    this.type = type;
    this.#numbers = numbers;
    this.#transport = transport;
    this.#sendWindowBytes = numbers.sendWindowBytes;
    this.#receiveWindowBytes = numbers.receiveWindowBytes;
  }

  /** The number of the channel at this end; unique in its connection while the channel lives. */
  get id(): number {
    return this.#numbers.localId;
  }

  /** Aborted when the channel is gone. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** Bytes that were written and not yet sent. */
  get queuedBytes(): number {
    return this.#outbox.dataBytes;
  }

  /** True when the peer has said that no more data comes. */
  get peerEnded(): boolean {
    return this.#theirs !== 'open';
  }

  /** Sets (or replaces) who listens. What has come until now is handed out before this returns. */
  attach(handlers: ChannelHandlers): void {
    this.#handlers = handlers;
    this.#attached = true;
    if (this.#closedHandedOut) handlers.onClosed?.();
    else this.#deliver();
  }

  /**
   * Runs `run` once the peer has its answer to the request that is being decided; at once when none is. So output of
   * a command can't overtake the answer that the command has started.
   */
  whenDecided(run: () => void): void {
    if (this.#deciding) this.#afterDecision.push(run);
    else run();
  }

  /** Sends data, or queues it. False: wait for `onDrain`. Ignored after `end`, `close` or `destroy`. */
  write(chunk: Buffer, stream: DataStream = 'stdout'): boolean {
    if (this.#ours !== 'open' || this.#ending) return true;
    this.#outbox.pushData(chunk, stream);
    this.pump();
    if (this.#outbox.dataBytes < QUEUE_HIGH_BYTES) return true;
    this.#wantsDrain = true;
    return false;
  }

  /** Drops what is queued and sends this on standard error in its place, as far as the peer's window allows. */
  writeLast(chunk: Buffer): void {
    this.#outbox.clear();
    this.#ending = this.#ours !== 'open';
    this.write(chunk.subarray(0, this.#sendWindowBytes), 'stderr');
  }

  /** Sends EOF behind what is queued. The peer may still send. */
  end(): void {
    if (this.#ours !== 'open' || this.#ending) return;
    this.#ending = true;
    this.#outbox.pushMark('eof');
    this.pump();
  }

  /** Sends EOF (if it was not) and CLOSE behind what is queued. */
  close(): void {
    if (this.#ours === 'closed') return;
    this.end();
    this.#outbox.pushMark('close');
    this.pump();
  }

  /** Sends CLOSE at once; what is queued is lost. */
  destroy(): void {
    this.#outbox.clear();
    this.#ending = true;
    this.#sendClose();
  }

  /**
   * Sends a request that overtakes queued data (`window-change`, `signal`, …).
   * Resolves with the peer's answer; with false when the channel goes away first.
   */
  request(request: ChannelRequest): Promise<boolean> {
    if (this.#ours === 'closed' || this.#unanswered.length >= MAX_UNANSWERED_REQUESTS)
      return Promise.resolve(false);
    this.#transport.send(this.#requestPacket(request, true));
    return new Promise((resolve) => this.#unanswered.push(resolve));
  }

  /** Like {@link request}, without asking for an answer. */
  notify(request: ChannelRequest): void {
    if (this.#ours !== 'closed') this.#transport.send(this.#requestPacket(request, false));
  }

  /** Sends an exit status or signal behind the output that is queued. To be called before `close`. */
  exit(status: Extract<ChannelRequest, { kind: 'exit-status' | 'exit-signal' }>): void {
    if (this.#ours === 'closed') return;
    this.#outbox.pushMark({ request: this.#requestPacket(status, false) });
    this.pump();
  }

  /** Gives the peer room for `sizeBytes` more: that much of its data has been passed on. */
  consumed(sizeBytes: number): void {
    this.#creditBytes += sizeBytes;
    const step = Math.min(this.#numbers.receiveWindowBytes >> 1, CREDIT_STEP_BYTES);
    if (this.#creditBytes < step || this.#ours === 'closed' || this.#theirs !== 'open') return;
    const credit = this.#creditBytes;
    this.#creditBytes = 0;
    this.#receiveWindowBytes += credit;
    const message = new WireWriter().byte(MESSAGE.CHANNEL_WINDOW_ADJUST).uint32(this.#numbers.remoteId);
    this.#transport.send(message.uint32(credit).finish());
  }

  /** Sends what the peer's window and the transport allow. Called by the connection when either has room. */
  pump(): void {
    while (this.#ours !== 'closed') {
      const next = this.#outbox.peek();
      if (next === undefined) break;
      if (next.kind === 'data' && (this.#sendWindowBytes === 0 || this.#transport.congested)) break;
      const limitBytes = Math.min(this.#sendWindowBytes, this.#numbers.sendPacketBytes);
      const item = this.#outbox.shift(next.kind === 'data' ? limitBytes : undefined);
      if (item === undefined) break;
      if (item.kind === 'mark') this.#sendMark(item.mark);
      else {
        this.#sendWindowBytes -= item.chunk.length;
        this.#transport.sendData(this.#numbers.remoteId, item.stream, item.chunk);
      }
    }
    if (this.#wantsDrain && this.#outbox.dataBytes <= QUEUE_LOW_BYTES) {
      this.#wantsDrain = false;
      this.#handlers.onDrain?.();
    }
  }

  /**
   * Takes a message that the peer sent to this channel.
   * @throws `ssh.protocol` when the peer breaks the rules.
   */
  receive(type: number, reader: WireReader): void {
    switch (type) {
      case MESSAGE.CHANNEL_DATA:
        this.#receiveData(reader.string(), 'stdout');
        return;
      case MESSAGE.CHANNEL_EXTENDED_DATA: {
        // Other data types than 1 do not exist; RFC 4254 leaves them undefined, so they go the way of stderr.
        reader.uint32();
        this.#receiveData(reader.string(), 'stderr');
        return;
      }
      case MESSAGE.CHANNEL_WINDOW_ADJUST: {
        this.#sendWindowBytes += reader.uint32();
        if (this.#sendWindowBytes > 0xffff_ffff) throw protocolFault('The window of a channel is too large.');
        this.pump();
        return;
      }
      case MESSAGE.CHANNEL_EOF:
        if (this.#theirs !== 'open') return;
        this.#theirs = 'eof';
        this.#inbox.pushMark('eof');
        this.#deliver();
        return;
      case MESSAGE.CHANNEL_REQUEST: {
        const name = reader.text();
        const wantReply = reader.boolean();
        if (this.#inbox.marks >= MAX_WAITING_REQUESTS)
          throw protocolFault('Too many requests wait on one channel.');
        this.#inbox.pushMark({ request: decodeChannelRequest(name, reader), wantReply });
        this.#deliver();
        return;
      }
      case MESSAGE.CHANNEL_SUCCESS:
      case MESSAGE.CHANNEL_FAILURE:
        this.#unanswered.shift()?.(type === MESSAGE.CHANNEL_SUCCESS);
        return;
      case MESSAGE.CHANNEL_CLOSE:
        this.#theirs = 'closed';
        this.#sendClose();
        this.release();
        return;
      default:
        throw protocolFault('An unknown message was sent to a channel.');
    }
  }

  /**
   * The channel is gone, or its connection is. What came before is still handed out, also to somebody who attaches
   * later: a short command's output and its CLOSE may arrive before anyone had time to listen.
   */
  release(): void {
    if (this.#gone.signal.aborted) return;
    this.#ours = 'closed';
    this.#theirs = 'closed';
    this.#outbox.clear();
    this.#transport.remove(this.#numbers.localId);
    for (const answer of this.#unanswered.splice(0)) answer(false);
    this.#gone.abort();
    this.#inbox.pushMark('closed');
    this.#deliver();
  }

  #receiveData(chunk: Buffer, stream: DataStream): void {
    if (this.#theirs !== 'open') throw protocolFault('Data came behind the end of a channel.');
    if (chunk.length > this.#receiveWindowBytes) throw protocolFault('More data came than a window allows.');
    this.#receiveWindowBytes -= chunk.length;
    if (this.#ours === 'closed') return;
    if (this.#attached && !this.#deciding && !this.#holdsStream && this.#inbox.isEmpty) {
      if (chunk.length > 0) this.#handData(chunk, stream);
      return;
    }
    this.#inbox.pushData(chunk, stream);
    this.#deliver();
  }

  #handData(chunk: Buffer, stream: DataStream): void {
    this.#handlers.onData?.(chunk, stream);
  }

  #deliver(): void {
    while (this.#attached && !this.#deciding) {
      const next = this.#inbox.peek();
      if (next === undefined || (this.#isStreamItem(next) && this.#holdsStream)) return;
      const item = this.#inbox.shift();
      if (item === undefined) return;
      if (item.kind === 'data') this.#handData(item.chunk, item.stream);
      else if (item.mark === 'eof') this.#handlers.onEof?.();
      else if (item.mark === 'closed') this.#handOutClosed();
      else this.#decide(item.mark.request, item.mark.wantReply);
    }
  }

  #isStreamItem(item: QueueItem<Arrival>): boolean {
    return item.kind === 'data' || item.mark === 'eof';
  }

  /** Data and EOF wait for a listener that takes data: a command may start after its input has come. */
  get #holdsStream(): boolean {
    return this.#handlers.onData === undefined && !this.#gone.signal.aborted;
  }

  #handOutClosed(): void {
    this.#closedHandedOut = true;
    this.#handlers.onClosed?.();
  }

  #decide(request: ChannelRequest, wantReply: boolean): void {
    let decision: boolean | Promise<boolean>;
    try {
      decision = this.#handlers.onRequest?.(request) ?? false;
    } catch (error) {
      this.#transport.fail(error);
      return;
    }
    if (typeof decision === 'boolean') {
      this.#answer(decision, wantReply);
      return;
    }
    this.#deciding = true;
    const settle = (granted: boolean): void => {
      this.#deciding = false;
      this.#answer(granted, wantReply);
      for (const run of this.#afterDecision.splice(0)) run();
      this.#deliver();
    };
    decision
      .then(settle, () => settle(false))
      .catch((error: unknown) => {
        this.#transport.fail(protocolFault(messageOf(error)));
      });
  }

  #answer(granted: boolean, wantReply: boolean): void {
    if (!wantReply || this.#ours === 'closed') return;
    const type = granted ? MESSAGE.CHANNEL_SUCCESS : MESSAGE.CHANNEL_FAILURE;
    this.#transport.send(new WireWriter().byte(type).uint32(this.#numbers.remoteId).finish());
  }

  #requestPacket(request: ChannelRequest, wantReply: boolean): Buffer {
    const { type, payload } = encodeChannelRequest(request);
    const writer = new WireWriter().byte(MESSAGE.CHANNEL_REQUEST).uint32(this.#numbers.remoteId);
    return writer.string(type).boolean(wantReply).raw(payload).finish();
  }

  #sendMark(mark: Mark): void {
    if (mark === 'close') {
      this.#sendClose();
      return;
    }
    if (mark !== 'eof') {
      this.#transport.send(mark.request);
      return;
    }
    this.#ours = 'eof';
    this.#transport.send(new WireWriter().byte(MESSAGE.CHANNEL_EOF).uint32(this.#numbers.remoteId).finish());
  }

  #sendClose(): void {
    if (this.#ours === 'closed') return;
    this.#ours = 'closed';
    this.#outbox.clear();
    this.#transport.send(
      new WireWriter().byte(MESSAGE.CHANNEL_CLOSE).uint32(this.#numbers.remoteId).finish(),
    );
  }
}
