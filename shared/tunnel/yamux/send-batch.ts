import { encodeHeader, type FrameType } from './frame.ts';

/** Frames that go out as one message. */
export class SendBatch {
  readonly chunks: Buffer[] = [];
  bytes = 0;
  /** Write callbacks to run once the batch was handed over. */
  readonly done: (() => void)[] = [];

  /** Adds a frame that is a header only, or the header of a payload that {@link addPayload} adds next. */
  addHeader(type: FrameType, flags: number, streamId: number, length: number): void {
    this.addPayload(encodeHeader(type, flags, streamId, length));
  }

  addPayload(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
  }
}
