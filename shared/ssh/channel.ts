import type { ChannelHandlers, ChannelNumbers, ChannelTransport } from './channel-handlers.ts';
import { ChannelInbox } from './channel-inbox.ts';
import { ChannelOutbox } from './channel-outbox.ts';
import { type ChannelRequest, decodeChannelRequest, encodeChannelRequest } from './channel-request.ts';
import { MESSAGE } from './messages.ts';
import type { DataStream } from './ordered-queue.ts';
import { protocolFault, type WireReader, WireWriter } from './wire.ts';

export type { ChannelHandlers } from './channel-handlers.ts';

/** Largest piece of data in one packet that we send or accept; what every client takes (RFC 4253, section 6.1). */
export const MAX_PACKET_DATA_BYTES = 32 * 1024;

/** Requests of ours that may wait for the peer's answer; one more is refused at once. */
const MAX_UNANSWERED_REQUESTS = 1024;

/** Window credit is given back in pieces of at most this size, so that a sender never runs dry. */
const CREDIT_STEP_BYTES = 128 * 1024;

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
  readonly #outbox: ChannelOutbox;
  readonly #inbox: ChannelInbox;
  readonly #gone = new AbortController();
  readonly #unanswered: ((granted: boolean) => void)[] = [];
  #receiveWindowBytes: number;
  #creditBytes = 0;
  #peer: 'open' | 'eof' | 'closed' = 'open';

  constructor(type: string, numbers: ChannelNumbers, transport: ChannelTransport) {
    const { signal } = this.#gone;
    this.type = type;
    this.#numbers = numbers;
    this.#transport = transport;
    this.#receiveWindowBytes = numbers.receiveWindowBytes;
    this.#outbox = new ChannelOutbox(numbers, transport, () => this.#inbox.handlers.onDrain?.());
    this.#inbox = new ChannelInbox({
      answer: (granted) => this.#answer(granted),
      fail: (error) => transport.fail(error),
      get isGone() {
        return signal.aborted;
      },
    });
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
    return this.#outbox.queuedBytes;
  }

  /** True when the peer has said that no more data comes. */
  get peerEnded(): boolean {
    return this.#peer !== 'open';
  }

  /** Sets (or replaces) who listens. What has come until now is handed out before this returns. */
  attach(handlers: ChannelHandlers): void {
    this.#inbox.attach(handlers);
  }

  /**
   * Runs `run` once the peer has its answer to the request that is being decided; at once when none is. So output of
   * a command can't overtake the answer that the command has started.
   */
  whenDecided(run: () => void): void {
    this.#inbox.whenDecided(run);
  }

  /** Sends data, or queues it. False: wait for `onDrain`. Ignored after `end`, `close` or `destroy`. */
  write(chunk: Buffer, stream: DataStream = 'stdout'): boolean {
    return this.#outbox.write(chunk, stream);
  }

  /** Drops what is queued and sends this on standard error in its place, as far as the peer's window allows. */
  writeLast(chunk: Buffer): void {
    this.#outbox.writeLast(chunk);
  }

  /** Sends EOF behind what is queued. The peer may still send. */
  end(): void {
    this.#outbox.end();
  }

  /** Sends EOF (if it was not) and CLOSE behind what is queued. */
  close(): void {
    this.#outbox.close();
    this.#releaseIfClosed();
  }

  /** Sends CLOSE at once; what is queued is lost. */
  destroy(): void {
    this.#outbox.closeNow();
    this.#releaseIfClosed();
  }

  /**
   * Sends a request that overtakes queued data (`window-change`, `signal`, …).
   * Resolves with the peer's answer; with false when the channel goes away first.
   */
  request(request: ChannelRequest): Promise<boolean> {
    if (this.#outbox.isClosed || this.#unanswered.length >= MAX_UNANSWERED_REQUESTS)
      return Promise.resolve(false);
    this.#transport.send(this.#requestPacket(request, true));
    return new Promise((resolve) => this.#unanswered.push(resolve));
  }

  /** Like {@link request}, without asking for an answer. */
  notify(request: ChannelRequest): void {
    if (!this.#outbox.isClosed) this.#transport.send(this.#requestPacket(request, false));
  }

  /** Sends an exit status or signal behind the output that is queued. To be called before `close`. */
  exit(status: Extract<ChannelRequest, { kind: 'exit-status' | 'exit-signal' }>): void {
    this.#outbox.queuePacket(this.#requestPacket(status, false));
  }

  /** Gives the peer room for `sizeBytes` more: that much of its data has been passed on. */
  consumed(sizeBytes: number): void {
    this.#creditBytes += sizeBytes;
    const step = Math.min(this.#numbers.receiveWindowBytes >> 1, CREDIT_STEP_BYTES);
    if (this.#creditBytes < step || this.#outbox.isClosed || this.peerEnded) return;
    const credit = this.#creditBytes;
    this.#creditBytes = 0;
    this.#receiveWindowBytes += credit;
    this.#transport.send(this.#head(MESSAGE.CHANNEL_WINDOW_ADJUST).uint32(credit).finish());
  }

  /** Sends what the peer's window and the transport allow. Called by the connection when either has room. */
  pump(): void {
    this.#outbox.pump();
  }

  /**
   * Takes a message that the peer sent to this channel.
   * @throws `ssh.protocol` when the peer breaks the rules.
   */
  receive(type: number, reader: WireReader): void {
    switch (type) {
      case MESSAGE.CHANNEL_DATA:
        this.#receiveData(reader.string(), 'stdout');
        break;
      case MESSAGE.CHANNEL_EXTENDED_DATA:
        // Other data types than 1 don't exist; RFC 4254 leaves them undefined, so they go the way of stderr.
        reader.uint32();
        this.#receiveData(reader.string(), 'stderr');
        break;
      case MESSAGE.CHANNEL_WINDOW_ADJUST:
        this.#outbox.grow(reader.uint32());
        break;
      case MESSAGE.CHANNEL_EOF:
        if (this.peerEnded) break;
        this.#peer = 'eof';
        this.#inbox.eof();
        break;
      case MESSAGE.CHANNEL_REQUEST: {
        const sizeBytes = reader.leftBytes;
        const name = reader.text();
        const wantReply = reader.boolean();
        this.#inbox.request(decodeChannelRequest(name, reader), wantReply, sizeBytes);
        break;
      }
      case MESSAGE.CHANNEL_SUCCESS:
      case MESSAGE.CHANNEL_FAILURE:
        this.#unanswered.shift()?.(type === MESSAGE.CHANNEL_SUCCESS);
        break;
      case MESSAGE.CHANNEL_CLOSE:
        this.#receiveClose();
        break;
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
    this.#peer = 'closed';
    this.#outbox.abandon();
    this.#transport.remove(this.#numbers.localId);
    for (const answer of this.#unanswered.splice(0)) answer(false);
    this.#gone.abort();
    this.#inbox.closed();
  }

  #receiveClose(): void {
    const ended = this.#peer === 'eof' && this.#outbox.hasEnded;
    this.#peer = 'closed';
    if (ended && this.#inbox.handlers.awaitsExit?.() === true) return;
    this.#outbox.closeNow();
    this.release();
  }

  /** Both sides have said CLOSE. */
  #releaseIfClosed(): void {
    if (this.#peer === 'closed' && this.#outbox.isClosed) this.release();
  }

  #receiveData(chunk: Buffer, stream: DataStream): void {
    if (this.peerEnded) throw protocolFault('Data came behind the end of a channel.');
    if (chunk.length > this.#receiveWindowBytes) throw protocolFault('More data came than a window allows.');
    this.#receiveWindowBytes -= chunk.length;
    // After our CLOSE nobody listens; what was on its way is dropped.
    if (!this.#outbox.isClosed) this.#inbox.data(chunk, stream);
  }

  #answer(granted: boolean): void {
    if (this.#outbox.isClosed) return;
    this.#transport.send(this.#head(granted ? MESSAGE.CHANNEL_SUCCESS : MESSAGE.CHANNEL_FAILURE).finish());
  }

  #requestPacket(request: ChannelRequest, wantReply: boolean): Buffer {
    const { type, payload } = encodeChannelRequest(request);
    return this.#head(MESSAGE.CHANNEL_REQUEST).string(type).boolean(wantReply).raw(payload).finish();
  }

  /** The beginning of every message to the peer's end of the channel. */
  #head(type: number): WireWriter {
    return new WireWriter().byte(type).uint32(this.#numbers.remoteId);
  }
}
