import { MAX_PARKED_BYTES, MAX_WAITING_CONTROL_FRAMES } from '../limits.ts';
import type { Transport } from '../transport.ts';
import { encodeHeader, type FrameType } from './frame.ts';
import { type Sender, SendQueue } from './send-queue.ts';

/** What an {@link Outbox} needs. */
export interface OutboxOptions {
  readonly transport: Transport;
  /** More than {@link MAX_WAITING_CONTROL_FRAMES} frames wait for a peer that does not read. */
  onStalled(): void;
}

/**
 * What one session sends: it fills batches from the send queue and hands them to the transport, as long as the
 * transport has little parked.
 */
export class Outbox {
  readonly #transport: Transport;
  readonly #onStalled: () => void;
  readonly #queue = new SendQueue();
  #sentBytes = 0;
  #pumpScheduled = false;
  #closed = false;

  constructor(options: OutboxOptions) {
    this.#transport = options.transport;
    this.#onStalled = options.onStalled;
  }

  /** Bytes handed to the transport so far. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Queues a frame without payload ahead of all data. */
  addControl(type: FrameType, flags: number, streamId: number, length: number): void {
    if (this.#closed) return;
    this.#queue.addControl(type, flags, streamId, length);
    if (this.#queue.waitingControlFrames > MAX_WAITING_CONTROL_FRAMES) this.#onStalled();
    else this.#schedulePump();
  }

  /** Says that a stream has something to send. */
  add(sender: Sender): void {
    this.#queue.add(sender);
    this.#schedulePump();
  }

  /** The transport has room again. */
  pump(): void {
    while (!this.#closed && this.#transport.parkedBytes < MAX_PARKED_BYTES) {
      const batch = this.#queue.next();
      if (batch === undefined) return;
      if (batch.bytes > 0) this.#transport.send(batch.chunks, batch.bytes);
      this.#sentBytes += batch.bytes;
      for (const done of batch.done) done();
    }
  }

  /** Drops what waits and sends nothing more, but for one last frame, past everything that waits. */
  close(last?: { readonly type: FrameType; readonly length: number }): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.clear();
    if (last === undefined) return;
    const frame = encodeHeader(last.type, 0, 0, last.length);
    this.#transport.send([frame], frame.length);
  }

  /** Waits for the current turn to end, so that what it produces goes out together. */
  #schedulePump(): void {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    process.nextTick(() => {
      this.#pumpScheduled = false;
      this.pump();
    });
  }
}
