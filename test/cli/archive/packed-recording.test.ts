import { describe, expect, it } from 'vitest';
import { unpackedRecording } from '../../../cli/archive/packed-recording.ts';
import { gzipMember } from '../../../recordings/gzip-members.ts';

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function unpacked(bytes: Buffer, size: number, endBytes = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const content: Buffer[] = [];
  for await (const piece of unpackedRecording(pieces(bytes, size), endBytes)) content.push(piece);
  return Buffer.concat(content);
}

describe('unpackedRecording', () => {
  const texts = Array.from({ length: 9 }, (_, n) => `line ${n} of a recording\n`.repeat(n + 1));
  const packed = Buffer.concat(texts.map((text) => gzipMember(Buffer.from(text))));

  it('gives the content back, however its bytes arrive', async () => {
    for (const size of [1, 7, 100, packed.length]) {
      expect((await unpacked(packed, size)).toString(), String(size)).toBe(texts.join(''));
    }
  });

  it('unpacks no more than one member beyond where the recording ends', async () => {
    const bomb = Buffer.concat(Array.from({ length: 50 }, () => gzipMember(Buffer.alloc(1024 * 1024))));
    expect((await unpacked(bomb, 4096, 10)).length).toBe(1024 * 1024);
  });

  it('refuses, when all has passed by, what stands where a member should be', async () => {
    let passed = 0;
    const source = async function* () {
      for await (const piece of pieces(Buffer.concat([packed, Buffer.alloc(1000), packed]), 64)) {
        passed += piece.length;
        yield piece;
      }
    };
    await expect(async () => {
      for await (const piece of unpackedRecording(source(), Number.POSITIVE_INFINITY))
        expect(piece).toBeDefined();
    }).rejects.toMatchObject({ code: 'recording.malformed' });
    expect(passed).toBe(2 * packed.length + 1000);
  });
});
