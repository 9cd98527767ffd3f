import { PACKET_LIMIT_BYTES } from './protocol.ts';

/** Takes packets as they stream by. */
export interface PacketSink {
  /**
   * How many bytes of the payload (what follows the type) to gather before {@link begin}, given those gathered so
   * far. Asked again when they are there, until it says no more than there are.
   */
  headLength(type: number, payloadLength: number, gathered: Buffer): number;
  /** The gathered head of a packet. It is only valid during the call. */
  begin(type: number, payloadLength: number, head: Buffer): void;
  /** The payload behind the head, piece by piece. */
  body(piece: Buffer): void;
  /** The packet is complete. */
  end(): void;
  /** The bytes are no packets: nothing more will come. */
  broken(reason: string): void;
}

/** A head is never longer: what does not fit is passed over. */
export const HEAD_LIMIT_BYTES = 64 * 1024;

const LENGTH_BYTES = 4;
const NOTHING = Buffer.alloc(0);

type State =
  | { readonly at: 'length' }
  | { readonly at: 'head'; readonly type: number; readonly payloadLength: number }
  | { readonly at: 'body'; leftBytes: number }
  | { readonly at: 'broken' };

/**
 * Cuts one direction of an SFTP connection into packets (`uint32 length, byte type, payload`), holding at most the
 * head of one.
 */
export class PacketStream {
  readonly #sink: PacketSink;
  #state: State = { at: 'length' };
  #gathered: Buffer = NOTHING;
  #gatheredBytes = 0;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  /** True while a packet has begun and is not complete. */
  get inPacket(): boolean {
    return this.#state.at !== 'length' || this.#gatheredBytes > 0;
  }

  /** Takes in the next bytes. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && this.#state.at !== 'broken') rest = this.#step(this.#state, rest);
  }

  /** Passes over all that is still to come. */
  stop(): void {
    this.#state = { at: 'broken' };
    this.#gathered = NOTHING;
  }

  #step(state: Exclude<State, { at: 'broken' }>, bytes: Buffer): Buffer {
    switch (state.at) {
      case 'length':
        return this.#lengthStep(bytes);
      case 'head':
        return this.#headStep(state.type, state.payloadLength, bytes);
      case 'body': {
        const piece = bytes.subarray(0, state.leftBytes);
        state.leftBytes -= piece.length;
        this.#sink.body(piece);
        if (state.leftBytes === 0) this.#endPacket();
        return bytes.subarray(piece.length);
      }
    }
  }

  #lengthStep(bytes: Buffer): Buffer {
    const rest = this.#gather(LENGTH_BYTES + 1, bytes);
    if (this.#gatheredBytes < LENGTH_BYTES + 1) return rest;
    const length = this.#gathered.readUInt32BE(0);
    const type = this.#gathered[LENGTH_BYTES] ?? 0;
    this.#gatheredBytes = 0;
    if (length < 1 || length > PACKET_LIMIT_BYTES) {
      this.stop();
      this.#sink.broken(`a packet of ${length} bytes`);
      return NOTHING;
    }
    const payloadLength = length - 1;
    this.#state = { at: 'head', type, payloadLength };
    // A packet without payload is complete before another byte comes.
    return this.#headStep(type, payloadLength, rest);
  }

  #headStep(type: number, payloadLength: number, bytes: Buffer): Buffer {
    let rest = bytes;
    while (true) {
      const gathered = this.#gathered.subarray(0, this.#gatheredBytes);
      const wanted = this.#sink.headLength(type, payloadLength, gathered);
      const length = Math.min(wanted, payloadLength, HEAD_LIMIT_BYTES);
      if (this.#gatheredBytes >= length) break;
      if (rest.length === 0) return rest;
      rest = this.#gather(length, rest);
    }
    const head = this.#gathered.subarray(0, this.#gatheredBytes);
    const leftBytes = payloadLength - this.#gatheredBytes;
    this.#gatheredBytes = 0;
    this.#state = { at: 'body', leftBytes };
    this.#sink.begin(type, payloadLength, head);
    if (leftBytes === 0) this.#endPacket();
    return rest;
  }

  #gather(length: number, bytes: Buffer): Buffer {
    const part = bytes.subarray(0, length - this.#gatheredBytes);
    if (this.#gathered.length < length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 64));
      this.#gathered.copy(grown, 0, 0, this.#gatheredBytes);
      this.#gathered = grown;
    }
    part.copy(this.#gathered, this.#gatheredBytes);
    this.#gatheredBytes += part.length;
    return bytes.subarray(part.length);
  }

  #endPacket(): void {
    // The sink may have had enough of it meanwhile.
    if (this.#state.at === 'broken') return;
    this.#state = { at: 'length' };
    if (this.#gathered.length > 1024) this.#gathered = NOTHING;
    this.#sink.end();
  }
}
