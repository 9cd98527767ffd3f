/** A line longer than this is given out in pieces, each as a line of its own. */
export const LINE_LIMIT_BYTES = 64 * 1024;

const NEWLINE = 0x0a;

/** Gives out whole lines, without their ends, of bytes that arrive in pieces. */
export class LineSplitter {
  readonly #onLine: (line: string) => void;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(bytes: Buffer): void {
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.#hold(bytes.subarray(start, end));
      this.#release();
      start = end + 1;
    }
    if (start < bytes.length) this.#hold(bytes.subarray(start));
  }

  /** Gives out what stands behind the last line end. */
  end(): void {
    if (this.#heldBytes > 0) this.#release();
  }

  #hold(bytes: Buffer): void {
    let rest = bytes;
    while (this.#heldBytes + rest.length > LINE_LIMIT_BYTES) {
      const room = LINE_LIMIT_BYTES - this.#heldBytes;
      this.#keep(rest.subarray(0, room));
      this.#release();
      rest = rest.subarray(room);
    }
    this.#keep(rest);
  }

  #keep(bytes: Buffer): void {
    // A copy: the stream may use its buffer again.
    this.#held.push(Buffer.from(bytes));
    this.#heldBytes += bytes.length;
  }

  #release(): void {
    const line = Buffer.concat(this.#held).toString('utf8');
    this.#held = [];
    this.#heldBytes = 0;
    this.#onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}
