/** Packet types of SFTP version 3 (draft-ietf-secsh-filexfer-02) that the observer tells apart. */
export const PACKET = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  rename: 18,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  extended: 200,
} as const;

/** Flags of OPEN. */
export const OPEN_FLAG = { read: 0x01, write: 0x02, append: 0x04, create: 0x08, truncate: 0x10 } as const;

/** Codes of STATUS. */
export const STATUS = { ok: 0, endOfFile: 1 } as const;

/** Servers may choose handles of at most so many bytes. */
export const HANDLE_LIMIT_BYTES = 256;

/**
 * Largest packet that is followed. OpenSSH refuses packets above 256 KiB on both sides; the rest is margin for
 * servers that announce more.
 */
export const PACKET_LIMIT_BYTES = 16 * 1024 * 1024;

/** Reads the fields of a packet. Beyond its end it gives nothing, and remembers that with {@link short}. */
export class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;
  #short = false;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** True when a field was not there in full. */
  get short(): boolean {
    return this.#short;
  }

  uint32(): number {
    if (!this.#has(4)) return 0;
    const value = this.#bytes.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  uint64(): bigint {
    if (!this.#has(8)) return 0n;
    const value = this.#bytes.readBigUInt64BE(this.#at);
    this.#at += 8;
    return value;
  }

  string(): Buffer {
    const length = this.uint32();
    if (!this.#has(length)) return Buffer.alloc(0);
    const value = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  #has(bytes: number): boolean {
    if (this.#short || this.#bytes.length - this.#at < bytes) this.#short = true;
    return !this.#short;
  }
}
