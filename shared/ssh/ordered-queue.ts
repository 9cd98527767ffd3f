/** Which of a channel's two streams a piece of data belongs to. */
export type DataStream = 'stdout' | 'stderr';

/** What waits in an {@link OrderedQueue}. */
export type QueueItem<T> =
  | { readonly kind: 'data'; readonly stream: DataStream; readonly chunk: Buffer }
  | { readonly kind: 'mark'; readonly mark: T };

/** Chunks below this are copied together, so that a peer's one-byte packets cost no object each. */
const SMALL_CHUNK_BYTES = 2048;
const RUN_BYTES = 16 * 1024;

interface Run {
  readonly stream: DataStream;
  readonly bytes: Buffer;
  usedBytes: number;
}

/**
 * Data of both streams and marks between them, in the order in which they came. How much may wait is the business
 * of the owner, who sees `dataBytes` and `marks`.
 */
export class OrderedQueue<T> {
  readonly #items: QueueItem<T>[] = [];
  #head = 0;
  #run: Run | undefined;
  #dataBytes = 0;
  #marks = 0;

  get dataBytes(): number {
    return this.#dataBytes;
  }

  get marks(): number {
    return this.#marks;
  }

  get isEmpty(): boolean {
    return this.#head === this.#items.length && this.#run === undefined;
  }

  pushData(chunk: Buffer, stream: DataStream): void {
    if (chunk.length === 0) return;
    this.#dataBytes += chunk.length;
    if (chunk.length >= SMALL_CHUNK_BYTES) {
      this.#closeRun();
      this.#items.push({ kind: 'data', stream, chunk });
      return;
    }
    if (this.#run?.stream !== stream || this.#run.bytes.length - this.#run.usedBytes < chunk.length) {
      this.#closeRun();
      const lengthBytes = this.isEmpty ? chunk.length : RUN_BYTES;
      this.#run = { stream, bytes: Buffer.allocUnsafe(lengthBytes), usedBytes: 0 };
    }
    chunk.copy(this.#run.bytes, this.#run.usedBytes);
    this.#run.usedBytes += chunk.length;
  }

  pushMark(mark: T): void {
    this.#closeRun();
    this.#marks += 1;
    this.#items.push({ kind: 'mark', mark });
  }

  /** Takes the first item; of data at most `limitBytes` (which must be above 0). */
  shift(limitBytes = Number.POSITIVE_INFINITY): QueueItem<T> | undefined {
    const item = this.peek();
    if (item === undefined) return undefined;
    if (item.kind === 'mark') {
      this.#marks -= 1;
      this.#advance();
      return item;
    }
    if (item.chunk.length <= limitBytes) {
      this.#dataBytes -= item.chunk.length;
      this.#advance();
      return item;
    }
    this.#dataBytes -= limitBytes;
    this.#items[this.#head] = { ...item, chunk: item.chunk.subarray(limitBytes) };
    return { ...item, chunk: item.chunk.subarray(0, limitBytes) };
  }

  peek(): QueueItem<T> | undefined {
    if (this.#head === this.#items.length) this.#closeRun();
    return this.#items[this.#head];
  }

  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
    this.#run = undefined;
    this.#dataBytes = 0;
    this.#marks = 0;
  }

  #closeRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    this.#items.push({ kind: 'data', stream: run.stream, chunk: run.bytes.subarray(0, run.usedBytes) });
  }

  #advance(): void {
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
