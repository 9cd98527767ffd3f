import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ChannelRequest,
  decodeChannelRequest,
  encodeChannelRequest,
} from '../../../shared/ssh/channel-request.ts';
import { WireReader } from '../../../shared/ssh/wire.ts';

const uint32 = fc.nat(0xffff_ffff);
const bytes = fc.uint8Array({ maxLength: 50 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const size = { cols: uint32, rows: uint32, widthPx: uint32, heightPx: uint32 };
const request: fc.Arbitrary<ChannelRequest> = fc.oneof(
  fc.record({ kind: fc.constant('shell' as const) }),
  fc.record({ kind: fc.constant('exec' as const), command: bytes }),
  fc.record({ kind: fc.constant('subsystem' as const), name: text }),
  fc.record({ kind: fc.constant('pty' as const), term: text, ...size, modes: bytes }),
  fc.record({ kind: fc.constant('env' as const), name: text, value: bytes }),
  fc.record({ kind: fc.constant('window-change' as const), ...size }),
  fc.record({ kind: fc.constant('signal' as const), name: text }),
  fc.record({ kind: fc.constant('break' as const), lengthMs: uint32 }),
  fc.record({ kind: fc.constant('exit-status' as const), code: uint32 }),
  fc.record({
    kind: fc.constant('exit-signal' as const),
    name: text,
    coreDumped: fc.boolean(),
    message: text,
  }),
  fc.record({ kind: fc.constant('agent-forward' as const) }),
  fc.record({ kind: fc.constant('end-of-write' as const) }),
  fc.record({ kind: fc.constant('x11' as const), payload: bytes }),
  fc.record({ kind: fc.constant('other' as const), type: fc.constant('else@example.com'), payload: bytes }),
);

describe('channel requests', () => {
  it('come out of the wire as they went in', () => {
    fc.assert(
      fc.property(request, (given) => {
        const { type, payload } = encodeChannelRequest(given);
        expect(decodeChannelRequest(type, new WireReader(payload))).toEqual(given);
      }),
    );
  });

  it('are read, or refused as a fault of the peer, whatever the bytes', () => {
    const types = fc.constantFrom(
      'shell',
      'exec',
      'pty-req',
      'env',
      'window-change',
      'signal',
      'exit-signal',
      'break',
    );
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 80 }), (type, payload) => {
        try {
          decodeChannelRequest(type, new WireReader(Buffer.from(payload)));
        } catch (error) {
          expect(error).toMatchObject({ code: 'ssh.protocol' });
        }
      }),
    );
  });
});
