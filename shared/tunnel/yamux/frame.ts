import { MAX_FRAME_PAYLOAD_BYTES } from '../limits.ts';

/** Length of a frame's header: version, type, flags (16 bits), stream id (32), length (32), big-endian. */
export const HEADER_BYTES = 12;

/** The only version of yamux. */
export const YAMUX_VERSION = 0;

/** Types of frames. */
export const FrameType = { Data: 0, WindowUpdate: 1, Ping: 2, GoAway: 3 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Flags of a frame, to be combined. */
export const Flag = { Syn: 1, Ack: 2, Fin: 4, Rst: 8 } as const;
const ALL_FLAGS = Flag.Syn | Flag.Ack | Flag.Fin | Flag.Rst;

/** What the length field of a GoAway frame says. */
export const GoAwayCode = { Normal: 0, ProtocolError: 1, InternalError: 2 } as const;
export type GoAwayCode = (typeof GoAwayCode)[keyof typeof GoAwayCode];

/** A frame's header. `length` is payload bytes (Data), credit (WindowUpdate), opaque (Ping) or code (GoAway). */
export interface FrameHeader {
  readonly type: FrameType;
  readonly flags: number;
  readonly streamId: number;
  readonly length: number;
}

/** Encodes one header. The numbers must be in range: this is for our own frames only. */
export function encodeHeader(type: FrameType, flags: number, streamId: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = YAMUX_VERSION;
  header[1] = type;
  header.writeUInt16BE(flags, 2);
  header.writeUInt32BE(streamId, 4);
  header.writeUInt32BE(length, 8);
  return header;
}

/**
 * Receives what the decoder finds. A returned text is a fault: the decoder stops and gives it back from `push`.
 */
export interface FrameSink {
  /** A header. For Data frames with a length, the payload follows in `onPayload`. */
  onHeader(header: FrameHeader): string | undefined;
  /** A piece of the last Data frame's payload; `last` with its end. Never empty. */
  onPayload(piece: Buffer, last: boolean): string | undefined;
}

function headerFault(version: number, type: number, flags: number, streamId: number, length: number) {
  if (version !== YAMUX_VERSION) return `unknown yamux version ${version}`;
  if ((flags & ~ALL_FLAGS) !== 0) return `unknown flags 0x${flags.toString(16)}`;
  switch (type) {
    case FrameType.Data:
      if (length > MAX_FRAME_PAYLOAD_BYTES) return `frame of ${length} bytes`;
      return streamId === 0 ? 'data for stream 0' : undefined;
    case FrameType.WindowUpdate:
      return streamId === 0 ? 'window update for stream 0' : undefined;
    case FrameType.Ping:
    case FrameType.GoAway:
      return streamId === 0 ? undefined : 'session frame with a stream id';
    default:
      return `unknown frame type ${type}`;
  }
}

function isFrameType(type: number): type is FrameType {
  return type >= FrameType.Data && type <= FrameType.GoAway;
}

/**
 * A streaming decoder: takes bytes in any chunks, hands out headers and pieces of payload without copying them. It
 * holds at most one partial header. After a fault it ignores everything.
 */
export class FrameDecoder {
  readonly #sink: FrameSink;
  readonly #partial = Buffer.alloc(HEADER_BYTES);
  #partialBytes = 0;
  #payloadLeft = 0;
  #fault: string | undefined;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Takes the next bytes. Gives back what is wrong with them, if anything is, once and for good. */
  push(chunk: Buffer): string | undefined {
    let offset = 0;
    while (this.#fault === undefined && offset < chunk.length) {
      offset = this.#payloadLeft > 0 ? this.#takePayload(chunk, offset) : this.#takeHeader(chunk, offset);
    }
    return this.#fault;
  }

  #takePayload(chunk: Buffer, offset: number): number {
    const taken = Math.min(this.#payloadLeft, chunk.length - offset);
    this.#payloadLeft -= taken;
    const whole = offset === 0 && taken === chunk.length;
    this.#fault = this.#sink.onPayload(
      whole ? chunk : chunk.subarray(offset, offset + taken),
      this.#payloadLeft === 0,
    );
    return offset + taken;
  }

  #takeHeader(chunk: Buffer, offset: number): number {
    if (this.#partialBytes === 0 && chunk.length - offset >= HEADER_BYTES) {
      this.#readHeader(chunk, offset);
      return offset + HEADER_BYTES;
    }
    const taken = Math.min(HEADER_BYTES - this.#partialBytes, chunk.length - offset);
    chunk.copy(this.#partial, this.#partialBytes, offset, offset + taken);
    this.#partialBytes += taken;
    if (this.#partialBytes === HEADER_BYTES) {
      this.#partialBytes = 0;
      this.#readHeader(this.#partial, 0);
    }
    return offset + taken;
  }

  #readHeader(bytes: Buffer, offset: number): void {
    const version = bytes.readUInt8(offset);
    const type = bytes.readUInt8(offset + 1);
    const flags = bytes.readUInt16BE(offset + 2);
    const streamId = bytes.readUInt32BE(offset + 4);
    const length = bytes.readUInt32BE(offset + 8);
    this.#fault = headerFault(version, type, flags, streamId, length);
    if (this.#fault !== undefined || !isFrameType(type)) return;
    this.#payloadLeft = type === FrameType.Data ? length : 0;
    this.#fault = this.#sink.onHeader({ type, flags, streamId, length });
  }
}
