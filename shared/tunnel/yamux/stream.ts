import { Duplex } from 'node:stream';
import { DrawbridgeError } from '../../errors.ts';
import { INITIAL_WINDOW_BYTES, SEND_BUFFER_BYTES } from '../limits.ts';
import type { TunnelStream } from '../tunnel.ts';
import { Flag, FrameType } from './frame.ts';
import { PieceGatherer } from './piece-gatherer.ts';
import { ReceiveWindow, type WindowContext } from './receive-window.ts';
import type { SendBatch } from './send-batch.ts';
import { SendBuffer } from './send-buffer.ts';
import { type StreamEvent, type StreamState, transition } from './stream-state.ts';

/** What a stream needs of its session. */
export interface StreamHost {
  readonly windowContext: WindowContext;
  /** Queues a frame without payload ahead of all data. */
  sendControl(type: FrameType, flags: number, streamId: number, length: number): void;
  /** Says that the stream has something to send. */
  ready(stream: YamuxStream): void;
  /** Says that the stream is gone. */
  ended(stream: YamuxStream): void;
}

/** Reads the first bytes of a stream before its user does. Gives back what is left over once it has enough. */
export type HeadReader = (piece: Buffer) => Buffer | undefined;

/** The wire allows 32 bits of window; more is a peer that does not count. */
const MAX_SEND_WINDOW_BYTES = 0xffff_ffff;

/** Pieces below this are copied, so that they don't hold on to the message they came in. */
const SMALL_PIECE_BYTES = 1024;

/** With this much waiting to be read, small pieces are joined. */
const GATHER_FROM_BYTES = 16 * 1024;

/** A waiting piece is copied when it would keep more than this many times its size in memory. */
const MAX_PINNED_FACTOR = 4;

/**
 * One yamux stream as a Duplex.
 *
 * Reading: bytes are pushed as they come, bounded by the receive window; the peer gets credit when they leave our
 * buffer. Writing: one chunk (or several, corked by Node) waits here until the session's send queue takes it; the
 * write's callback says that all of it was handed to the transport. `end()` sends FIN and leaves reading open;
 * `destroy()` before both sides have ended sends RST.
 */
export class YamuxStream extends Duplex implements TunnelStream {
  readonly streamId: number;
  readonly #host: StreamHost;
  readonly #window: ReceiveWindow;
  readonly #gatherer = new PieceGatherer();
  readonly #sendBuffer = new SendBuffer();
  #state: StreamState;
  #sendWindowBytes = INITIAL_WINDOW_BYTES;
  #receivedBytes = 0;
  #consumedBytes = 0;
  #headReader: HeadReader | undefined;
  #writeDone: ((error?: Error | null) => void) | undefined;
  #finDone: ((error?: Error | null) => void) | undefined;
  /** Managed by the send queue: in which ring the stream stands. */
  queuedIn: 'none' | 'small' | 'bulk' = 'none';

  constructor(host: StreamHost, streamId: number, acknowledged: boolean) {
    super({ allowHalfOpen: true, writableHighWaterMark: SEND_BUFFER_BYTES });
    this.streamId = streamId;
    this.#host = host;
    this.#window = new ReceiveWindow(host.windowContext);
    this.#state = { phase: 'open', acknowledged };
    // A reset by the peer is an everyday event; without a listener it would end the process.
    this.on('error', () => {});
  }

  get state(): StreamState {
    return this.#state;
  }

  /** Size of the receive window now. */
  get receiveWindowBytes(): number {
    return this.#window.sizeBytes;
  }

  /** Bytes of the current write that wait for the send queue. */
  get waitingBytes(): number {
    return this.#sendBuffer.bytes;
  }

  /** True when the send queue would get something from {@link moveTo}. */
  get sendable(): boolean {
    if (this.destroyed) return false;
    return this.#sendBuffer.bytes > 0 ? this.#sendWindowBytes > 0 : this.#finDone !== undefined;
  }

  /** Gives the stream's first bytes to `reader` until it gives some back (possibly empty). They are credited. */
  readHead(reader: HeadReader): void {
    this.#headReader = reader;
  }

  /** Moves up to `quantumBytes` and then, when all is out, the FIN, into the batch. */
  moveTo(batch: SendBatch, quantumBytes: number): void {
    const bytes = Math.min(this.#sendBuffer.bytes, this.#sendWindowBytes, quantumBytes);
    if (bytes > 0) {
      batch.addHeader(FrameType.Data, 0, this.streamId, bytes);
      this.#sendBuffer.moveTo(batch, bytes);
      this.#sendWindowBytes -= bytes;
    }
    if (this.#sendBuffer.bytes > 0) return;
    if (this.#writeDone !== undefined) {
      batch.done.push(this.#writeDone);
      this.#writeDone = undefined;
    } else if (this.#finDone !== undefined) {
      batch.addHeader(FrameType.WindowUpdate, Flag.Fin, this.streamId, 0);
      this.#apply('fin_sent');
      batch.done.push(this.#finDone);
      this.#finDone = undefined;
    }
  }

  /** The peer answered our SYN. False when that says nothing new. */
  receiveAck(): boolean {
    const isNew = this.#state.phase === 'open' && !this.#state.acknowledged;
    this.#apply('ack_received');
    return isNew;
  }

  /** The peer may get more. Gives back what is wrong, if anything. */
  receiveCredit(bytes: number): string | undefined {
    this.#sendWindowBytes += bytes;
    if (this.#sendWindowBytes > MAX_SEND_WINDOW_BYTES) return 'window grew beyond 32 bits';
    if (this.sendable) this.#host.ready(this);
    return undefined;
  }

  /** A piece of payload. Gives back what is wrong, if anything. */
  receiveData(piece: Buffer): string | undefined {
    const fault = this.#apply('data_received');
    if (fault !== undefined) return fault;
    if (!this.#window.received(piece.length)) return 'more data than the window allows';
    this.#receivedBytes += piece.length;
    const body = this.#headReader === undefined ? piece : this.#headReader(piece);
    if (body !== undefined) {
      this.#headReader = undefined;
      if (body.length > 0) this.#hold(body);
    }
    this.#credit();
    return undefined;
  }

  /** The peer will send no more. Gives back what is wrong, if anything. */
  receiveFin(): string | undefined {
    const fault = this.#apply('fin_received');
    if (fault !== undefined) return fault;
    if (this.#headReader !== undefined) {
      // Nobody will ever read an end that comes before the head is complete.
      this.destroy(
        new DrawbridgeError('tunnel.closed', 'The stream ended before its first message was complete.'),
      );
      return undefined;
    }
    this.#pushGathered();
    this.push(null);
    return undefined;
  }

  /** The peer cut the stream. */
  receiveReset(): void {
    this.#apply('reset_received');
    this.destroy(new DrawbridgeError('tunnel.reset', 'The other end cut the stream.'));
  }

  /** The tunnel under the stream is gone. */
  tunnelEnded(message: string): void {
    this.#apply('tunnel_ended');
    this.destroy(new DrawbridgeError('tunnel.closed', message));
  }

  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    if (chunk !== null) {
      if (this.readableLength < GATHER_FROM_BYTES) this.#pushGathered();
      this.#credit();
    }
    return chunk;
  }

  override _read(): void {
    // Bytes are pushed when they arrive; the window, not Node's high-water mark, bounds them.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#send([chunk], callback);
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer }[],
    callback: (error?: Error | null) => void,
  ): void {
    this.#send(
      chunks.map((entry) => entry.chunk),
      callback,
    );
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#finDone = callback;
    this.#host.ready(this);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const cut = this.#state.phase !== 'closed' && this.#state.phase !== 'reset';
    if (cut) this.#host.sendControl(FrameType.WindowUpdate, Flag.Rst, this.streamId, 0);
    this.#apply('reset_sent');
    this.#sendBuffer.clear();
    this.#gatherer.take();
    this.#window.release();
    this.#host.ended(this);
    const writeDone = this.#writeDone;
    const finDone = this.#finDone;
    this.#writeDone = undefined;
    this.#finDone = undefined;
    const reason = error ?? new DrawbridgeError('tunnel.closed', 'The stream was closed.');
    writeDone?.(reason);
    finDone?.(reason);
    callback(error);
  }

  #send(chunks: readonly Buffer[], callback: (error?: Error | null) => void): void {
    for (const chunk of chunks) this.#sendBuffer.add(chunk);
    if (this.#sendBuffer.bytes === 0) {
      callback();
      return;
    }
    this.#writeDone = callback;
    if (this.sendable) this.#host.ready(this);
  }

  #apply(event: StreamEvent): string | undefined {
    const result = transition(this.#state, event);
    if ('fault' in result) return result.fault;
    this.#state = result.state;
    return undefined;
  }

  #hold(piece: Buffer): void {
    if (piece.length < SMALL_PIECE_BYTES && this.readableLength >= GATHER_FROM_BYTES) {
      const full = this.#gatherer.add(piece);
      if (full !== undefined) this.push(full);
      return;
    }
    this.#pushGathered();
    const waits = this.readableFlowing !== true || this.readableLength > 0;
    const pins = waits && piece.length * MAX_PINNED_FACTOR < piece.buffer.byteLength;
    this.push(pins || piece.length < SMALL_PIECE_BYTES ? Buffer.from(piece) : piece);
  }

  #pushGathered(): void {
    const gathered = this.#gatherer.take();
    if (gathered !== undefined) this.push(gathered);
  }

  #credit(): void {
    const held = this.readableLength + this.#gatherer.bytes;
    const left = this.#receivedBytes - held - this.#consumedBytes;
    if (left <= 0) return;
    this.#consumedBytes += left;
    const credit = this.#window.consumed(left);
    const peerMaySend = this.#state.phase === 'open' || this.#state.phase === 'half_closed_local';
    if (credit > 0 && peerMaySend) {
      this.#host.sendControl(FrameType.WindowUpdate, 0, this.streamId, credit);
    }
  }
}
