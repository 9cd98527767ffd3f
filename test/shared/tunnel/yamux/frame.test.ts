import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_FRAME_PAYLOAD_BYTES } from '../../../../shared/tunnel/limits.ts';
import {
  encodeHeader,
  Flag,
  FrameDecoder,
  type FrameHeader,
  FrameType,
} from '../../../../shared/tunnel/yamux/frame.ts';

/** What a decoder said, with adjacent pieces of payload joined: chunking must not matter. */
type Said = { header: FrameHeader } | { payload: string; last: boolean };

function decode(chunks: readonly Buffer[]): { said: Said[]; fault: string | undefined } {
  const said: Said[] = [];
  const decoder = new FrameDecoder({
    onHeader: (header) => {
      said.push({ header });
      return undefined;
    },
    onPayload: (piece, last) => {
      const before = said.at(-1);
      if (before !== undefined && 'payload' in before && !before.last) {
        before.payload += piece.toString('hex');
        before.last = last;
      } else said.push({ payload: piece.toString('hex'), last });
      return undefined;
    },
  });
  let fault: string | undefined;
  for (const chunk of chunks) fault = decoder.push(chunk);
  return { said, fault };
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [...at.map((place) => place % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place));
}

const flags = fc.integer({ min: 0, max: 15 });
const streamId = fc.integer({ min: 1, max: 0xffff_ffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const frame = fc.oneof(
  fc
    .tuple(flags, streamId, fc.uint8Array({ maxLength: 300 }))
    .map(([f, id, payload]) => Buffer.concat([encodeHeader(FrameType.Data, f, id, payload.length), payload])),
  fc.tuple(flags, streamId, uint32).map(([f, id, n]) => encodeHeader(FrameType.WindowUpdate, f, id, n)),
  fc.tuple(flags, uint32).map(([f, n]) => encodeHeader(FrameType.Ping, f, 0, n)),
  uint32.map((n) => encodeHeader(FrameType.GoAway, 0, 0, n)),
);

describe('the frame decoder', () => {
  test('finds the same frames however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 20 }), (frames, at) => {
        const bytes = Buffer.concat(frames);
        const whole = decode([bytes]);
        expect(whole.fault).toBeUndefined();
        expect(decode(cut(bytes, at))).toEqual(whole);
      }),
    );
  });

  test('makes frames or one fault of any bytes at all, the same however they are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(), { maxLength: 10 }), (raw, at) => {
        const bytes = Buffer.from(raw);
        expect(decode(cut(bytes, at))).toEqual(decode([bytes]));
      }),
      { numRuns: 500 },
    );
  });

  test('reads the header as the specification lays it out', () => {
    const { said } = decode([Buffer.from('000100050000000300040000', 'hex')]);
    expect(said).toEqual([
      { header: { type: FrameType.WindowUpdate, flags: Flag.Syn | Flag.Fin, streamId: 3, length: 262144 } },
    ]);
  });

  test('hands payload out without copying it', () => {
    const message = Buffer.concat([encodeHeader(FrameType.Data, 0, 1, 5), Buffer.from('hello')]);
    const pieces: Buffer[] = [];
    new FrameDecoder({
      onHeader: () => undefined,
      onPayload: (piece) => {
        pieces.push(piece);
        return undefined;
      },
    }).push(message);
    expect(pieces[0]?.buffer).toBe(message.buffer);
  });

  const faults: readonly [string, string, string][] = [
    ['another version', '010000000000000100000000', 'unknown yamux version 1'],
    ['an unknown type', '000400000000000100000000', 'unknown frame type 4'],
    ['unknown flags', '000000100000000100000000', 'unknown flags 0x10'],
    ['data for stream 0', '000000000000000000000001', 'data for stream 0'],
    ['a window update for stream 0', '000100000000000000000001', 'window update for stream 0'],
    ['a ping with a stream id', '000200010000000100000001', 'session frame with a stream id'],
  ];
  test.each(faults)('refuses %s', (_, hex, fault) => {
    expect(decode([Buffer.from(hex, 'hex')])).toEqual({ said: [], fault });
  });

  test('takes a frame of the largest size and refuses one that is a byte larger', () => {
    expect(decode([encodeHeader(FrameType.Data, 0, 1, MAX_FRAME_PAYLOAD_BYTES)]).fault).toBeUndefined();
    expect(decode([encodeHeader(FrameType.Data, 0, 1, MAX_FRAME_PAYLOAD_BYTES + 1)]).fault).toBe(
      `frame of ${MAX_FRAME_PAYLOAD_BYTES + 1} bytes`,
    );
  });

  test('says nothing more after a fault', () => {
    const bad = Buffer.from('010000000000000100000000', 'hex');
    const good = encodeHeader(FrameType.Ping, Flag.Syn, 0, 1);
    expect(decode([bad, good])).toEqual({ said: [], fault: 'unknown yamux version 1' });
  });
});
