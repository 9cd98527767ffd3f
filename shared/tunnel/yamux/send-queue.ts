import { encodeHeader, type FrameType } from './frame.ts';
import { SendBatch } from './send-batch.ts';

/** Most that one stream sends in its turn. */
export const QUANTUM_BYTES = 32 * 1024;

/** A batch is closed when it has this much; then it goes out as one message. */
export const BATCH_BYTES = 64 * 1024;

/** What counts as small: a keystroke, its echo, a line of output. Small sends go before bulk. */
export const SMALL_BYTES = 2 * 1024;

/** After this many small sends in a row, one bulk sender gets its turn, so that a flood of them starves nobody. */
export const SMALL_RUN = 32;

/** Something that waits to send: a stream. */
export interface Sender {
  readonly sendable: boolean;
  readonly waitingBytes: number;
  queuedIn: 'none' | 'small' | 'bulk';
  moveTo(batch: SendBatch, quantumBytes: number): void;
}

/**
 * Decides what goes out next: control frames, then small sends, then bulk in round robin by {@link QUANTUM_BYTES}.
 * It only chooses; how much may be out at once is its owner's decision.
 */
export class SendQueue {
  #control: Buffer[] = [];
  #small: Sender[] = [];
  #bulk: Sender[] = [];
  #smallRun = 0;

  /** Control frames that wait. */
  get waitingControlFrames(): number {
    return this.#control.length;
  }

  /** True when nothing waits. */
  get empty(): boolean {
    return this.#control.length === 0 && this.#small.length === 0 && this.#bulk.length === 0;
  }

  addControl(type: FrameType, flags: number, streamId: number, length: number): void {
    this.#control.push(encodeHeader(type, flags, streamId, length));
  }

  /** Puts a sender at the end of its ring, unless it stands in one. */
  add(sender: Sender): void {
    if (sender.queuedIn !== 'none' || !sender.sendable) return;
    if (sender.waitingBytes <= SMALL_BYTES) {
      sender.queuedIn = 'small';
      this.#small.push(sender);
    } else {
      sender.queuedIn = 'bulk';
      this.#bulk.push(sender);
    }
  }

  /** The next batch, or undefined when nothing waits. */
  next(): SendBatch | undefined {
    if (this.empty) return undefined;
    const batch = new SendBatch();
    for (const frame of this.#control) batch.addPayload(frame);
    this.#control = [];
    while (batch.bytes < BATCH_BYTES) {
      const sender = this.#nextSender();
      if (sender === undefined) break;
      sender.queuedIn = 'none';
      if (!sender.sendable) continue;
      sender.moveTo(batch, QUANTUM_BYTES);
      this.add(sender);
    }
    return batch;
  }

  clear(): void {
    this.#control = [];
    this.#small = [];
    this.#bulk = [];
  }

  #nextSender(): Sender | undefined {
    if (this.#small.length > 0 && (this.#smallRun < SMALL_RUN || this.#bulk.length === 0)) {
      this.#smallRun += 1;
      return this.#small.shift();
    }
    this.#smallRun = 0;
    return this.#bulk.shift();
  }
}
