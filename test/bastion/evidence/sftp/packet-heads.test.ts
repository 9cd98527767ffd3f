import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DATA_HEAD_BYTES,
  extensionOf,
  replyHeadLength,
  requestHeadLength,
} from '../../../../bastion/evidence/sftp/packet-heads.ts';
import { HANDLE_LIMIT_BYTES, PACKET } from '../../../../bastion/evidence/sftp/protocol.ts';
import { text, u32, u64 } from '../../../support/sftp-packets.ts';

/** What is gathered of a payload, asked again whenever more is there, as the stream of packets does. */
function gatheredOf(type: number, payload: Buffer): number {
  let have = 0;
  while (true) {
    const wanted = Math.min(
      requestHeadLength(type, payload.length, payload.subarray(0, have)),
      payload.length,
    );
    if (wanted <= have) return have;
    have = wanted;
  }
}

describe('the heads of packets', () => {
  it('reach, of a write, exactly to its contents', () => {
    const handle = fc.uint8Array({ maxLength: HANDLE_LIMIT_BYTES }).map((raw) => Buffer.from(raw));
    fc.assert(
      fc.property(handle, fc.string({ maxLength: 50 }), (name, contents) => {
        const payload = Buffer.concat([u32(1), text(name), u64(0), text(contents)]);
        const gathered = gatheredOf(PACKET.write, payload);
        expect(payload.subarray(gathered).toString()).toBe(contents);
      }),
    );
  });

  it('are bounded for a write whose handle says that it is longer than handles are', () => {
    const payload = Buffer.concat([u32(1), u32(0xffffffff), Buffer.alloc(100_000)]);
    expect(gatheredOf(PACKET.write, payload)).toBeLessThan(HANDLE_LIMIT_BYTES + 100);
  });

  it('are all of every other request', () => {
    expect(requestHeadLength(PACKET.rename, 1234, Buffer.alloc(0))).toBe(1234);
  });

  it('of answers hold an outcome or a handle, but no contents and no names', () => {
    const names = 104;
    expect(replyHeadLength(PACKET.version)).toBe(0);
    expect(replyHeadLength(PACKET.data)).toBe(DATA_HEAD_BYTES);
    expect(replyHeadLength(PACKET.status)).toBe(8);
    expect(replyHeadLength(PACKET.handle)).toBe(8 + HANDLE_LIMIT_BYTES);
    expect(replyHeadLength(names)).toBe(4);
  });

  it('name the extension of an extended request, and none of another or of one that is cut', () => {
    const head = Buffer.concat([u32(1), text('copy-data'), text('h')]);
    expect(extensionOf(PACKET.extended, head)).toBe('copy-data');
    expect(extensionOf(PACKET.rename, head)).toBeUndefined();
    for (let length = 0; length < 4 + 4 + 9; length++)
      expect(extensionOf(PACKET.extended, head.subarray(0, length))).toBeUndefined();
  });
});
