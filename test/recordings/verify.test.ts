import { createHash } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GrowingDigest } from '../../recordings/digest.ts';
import { verifyRecording } from '../../recordings/verify.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('verifyRecording', () => {
  const contents = Buffer.alloc(700_001, 'recorded');

  function file(): string {
    const path = join(temporaryDirectory(), 'a.cast');
    writeFileSync(path, contents);
    return path;
  }

  it('finds a recording as it was', async () => {
    const expected = sha256(contents);
    expect(await verifyRecording(file(), expected)).toEqual({
      ok: true,
      sha256: expected,
      expectedSha256: expected,
      sizeBytes: contents.length,
    });
  });

  it('takes a digest in capitals', async () => {
    expect(await verifyRecording(file(), sha256(contents).toUpperCase())).toMatchObject({ ok: true });
  });

  it('finds a byte that was changed', async () => {
    const path = file();
    const changed = Buffer.from(contents);
    changed[350_000] = 0;
    writeFileSync(path, changed);
    expect(await verifyRecording(path, sha256(contents))).toMatchObject({
      ok: false,
      sha256: sha256(changed),
    });
  });

  it('finds a missing end', async () => {
    const path = file();
    truncateSync(path, contents.length - 1);
    expect(await verifyRecording(path, sha256(contents))).toMatchObject({ ok: false });
  });
});

describe('GrowingDigest', () => {
  it('takes in what is new, and fails when the file became shorter', async () => {
    const path = join(temporaryDirectory(), 'a.cast');
    writeFileSync(path, 'abcdef');
    const file = await open(path, 'r');
    try {
      const digest = new GrowingDigest();
      await digest.advance(file.fd, 3);
      expect(digest.current()).toEqual({ sha256: sha256(Buffer.from('abc')), sizeBytes: 3 });
      await digest.advance(file.fd, 6);
      expect(digest.current()).toEqual({ sha256: sha256(Buffer.from('abcdef')), sizeBytes: 6 });
      await expect(digest.advance(file.fd, 7)).rejects.toMatchObject({ code: 'recording.truncated' });
    } finally {
      await file.close();
    }
  });
});
