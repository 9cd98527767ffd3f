import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DrawbridgeError } from '../../../shared/errors.ts';
import { MAX_MESSAGE_BYTES, MAX_PREFACE_BYTES } from '../../../shared/tunnel/limits.ts';
import { encodePreface, PrefaceReader, parseReply, parseRequest } from '../../../shared/tunnel/preface.ts';
import { heldBytes } from '../../support/heap.ts';
import { waitFor } from '../../support/wait-for.ts';

function read(bytes: Buffer, step: number) {
  const reader = new PrefaceReader();
  for (let at = 0; at < bytes.length; at += step) {
    const found = reader.push(bytes.subarray(at, at + step));
    if (found !== undefined)
      return { value: found.value, rest: Buffer.concat([found.rest, bytes.subarray(at + step)]) };
  }
  return undefined;
}

/** A request whose JSON has exactly so many bytes. */
function requestOf(bytes: number) {
  const empty = JSON.stringify({ v: 1, kind: 'x', pad: '' }).length;
  return { v: 1 as const, kind: 'x', pad: 'p'.repeat(bytes - empty) };
}

describe('a preface', () => {
  test('is read back from any chunks, with what came behind it', () => {
    fc.assert(
      fc.property(fc.json(), fc.uint8Array(), fc.integer({ min: 1, max: 50 }), (json, behind, step) => {
        const request = { v: 1 as const, kind: 'x', json };
        const found = read(Buffer.concat([encodePreface(request), behind]), step);
        expect(found?.value).toEqual(request);
        expect(found?.rest.equals(Buffer.from(behind))).toBe(true);
      }),
    );
  });

  test('may have 16 KiB and not a byte more, in both directions', () => {
    const largest = encodePreface(requestOf(MAX_PREFACE_BYTES));
    expect(read(largest, 1000)?.value).toMatchObject({ kind: 'x' });
    expect(() => encodePreface(requestOf(MAX_PREFACE_BYTES + 1))).toThrow(/over 16384 bytes/);
    const tooLong = Buffer.alloc(4);
    tooLong.writeUInt32BE(MAX_PREFACE_BYTES + 1);
    expect(() => read(tooLong, 4)).toThrow(/over 16384 bytes/);
  });

  test('that is not whole yet keeps no more in memory than itself', async () => {
    const before = heldBytes();
    const readers = Array.from({ length: 64 }, () => {
      const reader = new PrefaceReader();
      reader.push(Buffer.alloc(MAX_MESSAGE_BYTES).subarray(0, 100).fill(0, 0, 3).fill(200, 3, 4));
      return reader;
    });
    // What is no longer held is let go of in the background.
    await waitFor(() => heldBytes() - before < 4 * 1024 * 1024);
    expect(readers).toHaveLength(64);
  });

  test('that is made of any bytes at all is read, waited for, or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.integer({ min: 1, max: 64 }), (raw, step) => {
        try {
          const found = read(Buffer.from(raw), step);
          if (found !== undefined) parseRequest(found.value);
        } catch (error) {
          expect(error).toBeInstanceOf(DrawbridgeError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['no object', []],
    ['no kind', { v: 1 }],
    ['a kind that is no word', { v: 1, kind: 'Rm -rf' }],
  ])('with %s is malformed', (_, value) => {
    expect(() => parseRequest(value)).toThrow(expect.objectContaining({ code: 'preface.malformed' }));
  });

  test('of another version is refused as such', () => {
    expect(() => parseRequest({ v: 2, kind: 'ssh' })).toThrow(
      expect.objectContaining({ code: 'preface.version' }),
    );
  });

  test('keeps unknown fields for those who know them', () => {
    expect(parseRequest({ v: 1, kind: 'ssh', later: true })).toEqual({ v: 1, kind: 'ssh', later: true });
  });
});

describe('a reply', () => {
  test('that refuses has a code and a sentence, whatever the peer sent', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (code, message, hint) => {
        const reply = parseReply({ ok: false, code, message, hint });
        if (reply.ok) throw new Error('accepted');
        expect(reply.code).toMatch(/^[a-z][a-z0-9_.]*$/);
        expect(reply.message).not.toBe('');
      }),
    );
  });

  test('loses its control characters and what is beyond 1,000 characters', () => {
    const reply = parseReply({
      ok: false,
      code: 'a.b',
      message: `\u001b]0;x\u0007\u202e${'y'.repeat(2000)}`,
    });
    expect(reply).toMatchObject({ message: expect.stringMatching(/^ \]0;x {2}y+$/) });
    expect((reply['message'] as string).length).toBe(1000);
  });

  test('that is none is malformed', () => {
    for (const value of [null, 7, {}, { ok: 'yes' }]) {
      expect(() => parseReply(value)).toThrow(expect.objectContaining({ code: 'preface.malformed' }));
    }
  });
});
