import { randomFillSync } from 'node:crypto';

/** Random bytes are drawn so many at a time. */
const POOL_BYTES = 2 * 1024;

/** Length and padding length in front of the payload (RFC 4253, section 6). */
export const PAYLOAD_START = 5;

/** AES-GCM enciphers whole blocks behind the packet's length (RFC 5647, section 7.2). */
const BLOCK_BYTES = 16;
const TAG_BYTES = 16;

/** Least padding (RFC 4253, section 6). */
const MIN_PADDING_BYTES = 4;

/** Lays out packets for AES-GCM as ssh2 does, but draws the random padding of more than a hundred packets at once. */
export class PacketBuffers {
  readonly #random = Buffer.allocUnsafeSlow(POOL_BYTES);
  #used = POOL_BYTES;

  /** A packet with its length and padding in place, room for the payload at {@link PAYLOAD_START} and for the tag. */
  allocate(payloadBytes: number): Buffer {
    const padding = BLOCK_BYTES - ((1 + payloadBytes) % BLOCK_BYTES);
    const paddingBytes = padding < MIN_PADDING_BYTES ? padding + BLOCK_BYTES : padding;
    const lengthBytes = 1 + payloadBytes + paddingBytes;
    const packet = Buffer.allocUnsafe(4 + lengthBytes + TAG_BYTES);
    packet.writeUInt32BE(lengthBytes, 0);
    packet[4] = paddingBytes;
    this.#pad(packet, PAYLOAD_START + payloadBytes, paddingBytes);
    return packet;
  }

  /** Each random byte is used once. */
  #pad(packet: Buffer, start: number, paddingBytes: number): void {
    if (this.#used + paddingBytes > POOL_BYTES) {
      randomFillSync(this.#random);
      this.#used = 0;
    }
    this.#random.copy(packet, start, this.#used, this.#used + paddingBytes);
    this.#used += paddingBytes;
  }
}
