import type { SendBatch } from './send-batch.ts';

/** Bytes of one stream that wait to be sent, in the chunks in which they were written. */
export class SendBuffer {
  #chunks: Buffer[] = [];
  #next = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Moves exactly `bytes`, which must be there, into the batch, without copying. */
  moveTo(batch: SendBatch, bytes: number): void {
    let left = bytes;
    while (left > 0) {
      const chunk = this.#chunks[this.#next];
      if (chunk === undefined) break;
      if (chunk.length > left) {
        batch.addPayload(chunk.subarray(0, left));
        this.#chunks[this.#next] = chunk.subarray(left);
        left = 0;
      } else {
        batch.addPayload(chunk);
        left -= chunk.length;
        this.#next += 1;
      }
    }
    this.#bytes -= bytes;
    if (this.#bytes === 0) this.clear();
  }

  clear(): void {
    this.#chunks = [];
    this.#next = 0;
    this.#bytes = 0;
  }
}
