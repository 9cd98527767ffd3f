import { DrawbridgeError } from '../errors.ts';

/** Longest string that is read out of one packet; packets themselves are at most 256 KiB. */
export const MAX_WIRE_STRING_BYTES = 256 * 1024;

/** The fault of a peer that breaks RFC 4251 to 4254. It ends that peer's connection. */
export function protocolFault(sentence: string): DrawbridgeError {
  return new DrawbridgeError('ssh.protocol', sentence);
}

/**
 * Reads the data types of RFC 4251, section 5, from bytes of a peer.
 * Each read throws `ssh.protocol` when the bytes end too early.
 */
export class WireReader {
  readonly #bytes: Buffer;
  #position: number;

  constructor(bytes: Buffer, position = 0) {
    this.#bytes = bytes;
    this.#position = position;
  }

  get leftBytes(): number {
    return this.#bytes.length - this.#position;
  }

  get position(): number {
    return this.#position;
  }

  byte(): number {
    this.#need(1);
    const value = this.#bytes.readUInt8(this.#position);
    this.#position += 1;
    return value;
  }

  boolean(): boolean {
    return this.byte() !== 0;
  }

  uint32(): number {
    this.#need(4);
    const value = this.#bytes.readUInt32BE(this.#position);
    this.#position += 4;
    return value;
  }

  /** A view into the packet, not a copy. */
  string(): Buffer {
    const length = this.uint32();
    if (length > MAX_WIRE_STRING_BYTES) throw protocolFault('A string in an SSH packet is too long.');
    return this.take(length);
  }

  text(): string {
    return this.string().toString('utf8');
  }

  /** Exactly `lengthBytes` bytes, as a view. */
  take(lengthBytes: number): Buffer {
    this.#need(lengthBytes);
    const value = this.#bytes.subarray(this.#position, this.#position + lengthBytes);
    this.#position += lengthBytes;
    return value;
  }

  rest(): Buffer {
    return this.take(this.leftBytes);
  }

  #need(lengthBytes: number): void {
    if (this.leftBytes < lengthBytes) throw protocolFault('An SSH packet is shorter than it says.');
  }
}

/** Writes the data types of RFC 4251, section 5. */
export class WireWriter {
  readonly #parts: Buffer[] = [];

  byte(value: number): this {
    this.#parts.push(Buffer.of(value));
    return this;
  }

  boolean(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  uint32(value: number): this {
    const part = Buffer.allocUnsafe(4);
    part.writeUInt32BE(value >>> 0);
    this.#parts.push(part);
    return this;
  }

  string(value: string | Buffer): this {
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    return this.uint32(bytes.length).raw(bytes);
  }

  raw(bytes: Buffer): this {
    this.#parts.push(bytes);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
