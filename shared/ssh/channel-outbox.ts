import type { ChannelNumbers, ChannelTransport } from './channel-handlers.ts';
import { MESSAGE } from './messages.ts';
import { type DataStream, OrderedQueue } from './ordered-queue.ts';
import { protocolFault, WireWriter } from './wire.ts';

/** `write` says false from here on, until the queue is below {@link QUEUE_LOW_BYTES}. */
export const QUEUE_HIGH_BYTES = 64 * 1024;
export const QUEUE_LOW_BYTES = 16 * 1024;

/** Largest window that a peer may open (RFC 4254, section 5.2). */
const MAX_SEND_WINDOW_BYTES = 0xffff_ffff;

type Mark = { readonly packet: Buffer } | 'eof' | 'close';

/**
 * What a channel sends: both streams, exit status, EOF and CLOSE in one order, as far as the peer's window and the
 * transport allow. How far it is: `open`, then `eof` (sent), then `closed` (CLOSE sent).
 */
export class ChannelOutbox {
  readonly #queue = new OrderedQueue<Mark>();
  readonly #numbers: ChannelNumbers;
  readonly #transport: ChannelTransport;
  readonly #onDrain: () => void;
  #state: 'open' | 'eof' | 'closed' = 'open';
  /** EOF is queued: nothing more is taken. */
  #ending = false;
  #windowBytes: number;
  #wantsDrain = false;
  /** What is queued are the last words: few bytes, which wait for nothing. */
  #isLast = false;

  constructor(numbers: ChannelNumbers, transport: ChannelTransport, onDrain: () => void) {
    this.#numbers = numbers;
    this.#transport = transport;
    this.#onDrain = onDrain;
    this.#windowBytes = numbers.sendWindowBytes;
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** EOF was sent, CLOSE was not. */
  get hasEnded(): boolean {
    return this.#state === 'eof';
  }

  get queuedBytes(): number {
    return this.#queue.dataBytes;
  }

  /** False: wait for `onDrain`. */
  write(chunk: Buffer, stream: DataStream): boolean {
    if (this.#state !== 'open' || this.#ending) return true;
    this.#queue.pushData(chunk, stream);
    this.pump();
    if (this.#queue.dataBytes < QUEUE_HIGH_BYTES) return true;
    this.#wantsDrain = true;
    return false;
  }

  /**
   * Drops what is queued and sends this on standard error in its place, as far as the window allows, on a congested
   * transport as well.
   */
  writeLast(chunk: Buffer): void {
    this.#queue.clear();
    this.#isLast = true;
    this.#ending = this.#state !== 'open';
    this.write(chunk.subarray(0, this.#windowBytes), 'stderr');
  }

  /** Sends a packet behind what is queued. */
  queuePacket(packet: Buffer): void {
    if (this.#state === 'closed') return;
    this.#queue.pushMark({ packet });
    this.pump();
  }

  end(): void {
    if (this.#state !== 'open' || this.#ending) return;
    this.#ending = true;
    this.#queue.pushMark('eof');
    this.pump();
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.end();
    this.#queue.pushMark('close');
    this.pump();
  }

  /** CLOSE at once; what is queued is lost. */
  closeNow(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#queue.clear();
    this.#sendBare(MESSAGE.CHANNEL_CLOSE);
  }

  /** The connection is gone: nothing can be sent any more. */
  abandon(): void {
    this.#state = 'closed';
    this.#queue.clear();
  }

  /** The peer has opened its window by this much. @throws `ssh.protocol` when it is too much. */
  grow(sizeBytes: number): void {
    this.#windowBytes += sizeBytes;
    if (this.#windowBytes > MAX_SEND_WINDOW_BYTES)
      throw protocolFault('The window of a channel is too large.');
    this.pump();
  }

  /** Sends what can be sent now. */
  pump(): void {
    while (this.#state !== 'closed') {
      const next = this.#queue.peek();
      if (next === undefined) break;
      if (next.kind === 'data' && (this.#windowBytes === 0 || this.#isHeldUp)) break;
      const item = this.#queue.shift(Math.min(this.#windowBytes, this.#numbers.sendPacketBytes));
      if (item === undefined) break;
      if (item.kind === 'mark') this.#sendMark(item.mark);
      else {
        this.#windowBytes -= item.chunk.length;
        this.#transport.sendData(this.#numbers.remoteId, item.stream, item.chunk);
      }
    }
    if (!this.#wantsDrain || this.#queue.dataBytes > QUEUE_LOW_BYTES) return;
    this.#wantsDrain = false;
    this.#onDrain();
  }

  get #isHeldUp(): boolean {
    return this.#transport.congested && !this.#isLast;
  }

  #sendMark(mark: Mark): void {
    if (mark === 'close') this.closeNow();
    else if (mark === 'eof') {
      this.#state = 'eof';
      this.#sendBare(MESSAGE.CHANNEL_EOF);
    } else this.#transport.send(mark.packet);
  }

  #sendBare(type: number): void {
    this.#transport.send(new WireWriter().byte(type).uint32(this.#numbers.remoteId).finish());
  }
}
