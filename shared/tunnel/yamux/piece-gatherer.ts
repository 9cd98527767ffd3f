/** Room for gathered pieces; a full one becomes one piece. */
const GATHERED_BYTES = 8 * 1024;

/**
 * Joins small pieces that have to wait into larger ones. A peer may send its whole window a byte per frame; without
 * this, each byte would cost an object many times its size.
 */
export class PieceGatherer {
  #room: Buffer | undefined;
  #bytes = 0;

  /** How much is gathered and not taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a piece of at most {@link GATHERED_BYTES}. Gives back what had been gathered when there is no room for it. */
  add(piece: Buffer): Buffer | undefined {
    const full = this.#bytes + piece.length > GATHERED_BYTES ? this.take() : undefined;
    this.#room ??= Buffer.allocUnsafeSlow(GATHERED_BYTES);
    piece.copy(this.#room, this.#bytes);
    this.#bytes += piece.length;
    return full;
  }

  /** Takes all that was gathered. */
  take(): Buffer | undefined {
    if (this.#room === undefined || this.#bytes === 0) return undefined;
    const taken = this.#room.subarray(0, this.#bytes);
    this.#room = undefined;
    this.#bytes = 0;
    return taken;
  }
}
