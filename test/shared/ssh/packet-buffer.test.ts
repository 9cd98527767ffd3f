import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAYLOAD_START, PacketBuffers } from '../../../shared/ssh/packet-buffer.ts';

describe('buffers of SSH packets for AES-GCM', () => {
  it('have whole blocks behind the length, at least four bytes of padding, and room for the tag', () => {
    const buffers = new PacketBuffers();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 33_000 }), (payloadBytes) => {
        const packet = buffers.allocate(payloadBytes);
        const length = packet.readUInt32BE(0);
        const padding = packet.readUInt8(4);
        expect(length % 16).toBe(0);
        expect(padding).toBeGreaterThanOrEqual(4);
        expect(padding).toBeLessThan(20);
        expect(length).toBe(1 + payloadBytes + padding);
        expect(packet.length).toBe(4 + length + 16);
      }),
    );
  });

  it('are padded with random bytes that are never used twice', () => {
    const buffers = new PacketBuffers();
    const seen = new Set<string>();
    for (let made = 0; made < 1000; made++) {
      // The longest padding there is: a repetition by chance is out of the question.
      const packet = buffers.allocate(12);
      expect(packet.readUInt8(4)).toBe(19);
      seen.add(packet.subarray(PAYLOAD_START + 12, PAYLOAD_START + 12 + 19).toString('hex'));
    }
    expect(seen.size).toBe(1000);
  });
});
