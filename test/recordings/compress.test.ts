import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rawOutput, readCastHeader } from '../../recordings/cast-reader.ts';
import { compressRecording } from '../../recordings/compress.ts';
import { digestFile } from '../../recordings/digest.ts';
import { castBytes, openStoredCast, wholeLinesSize } from '../../recordings/stored-cast.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A recording of a few MiB, so that it has several members. */
function recording(): { path: string; content: Buffer; sha256: string } {
  const lines = ['{"version":2,"width":80,"height":24}'];
  for (let n = 0; n < 40_000; n++) {
    lines.push(JSON.stringify([n / 10, 'o', `line ${n} ${randomBytes(12).toString('hex')} ✓\r\n`]));
  }
  const content = Buffer.from(`${lines.join('\n')}\n`);
  const path = join(temporaryDirectory(), 's-1.cast');
  writeFileSync(path, content);
  return { path, content, sha256: createHash('sha256').update(content).digest('hex') };
}

async function gathered(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

describe('a compressed recording', () => {
  it('is smaller, takes the place of the file, and is read by everything as if it were the file', async () => {
    const { path, content, sha256 } = recording();
    const output = await gathered(rawOutput(path));
    const done = await compressRecording(path, sha256);
    expect(done).toMatchObject({ state: 'compressed', sizeBytes: content.length });
    expect(done.state === 'compressed' && done.storedBytes < content.length * 0.7).toBe(true);
    expect([existsSync(path), existsSync(`${path}.gz`)]).toEqual([false, true]);
    expect(await digestFile(path)).toEqual({ sha256, sizeBytes: content.length });
    expect(await wholeLinesSize(path)).toBe(content.length);
    expect(await readCastHeader(path)).toMatchObject({ width: 80 });
    expect((await gathered(rawOutput(path))).equals(output)).toBe(true);
  });

  it('is what zcat reads', async () => {
    const { path, content, sha256 } = recording();
    await compressRecording(path, sha256);
    const unpacked = execFileSync('zcat', [`${path}.gz`], { maxBuffer: 2 * content.length });
    expect(unpacked.equals(content)).toBe(true);
  });

  it('can be read from any position', async () => {
    const { path, content, sha256 } = recording();
    await compressRecording(path, sha256);
    for (const startBytes of [0, 1, 1024 * 1024 - 1, 1024 * 1024, 1_500_000, content.length - 1]) {
      const endBytes = Math.min(content.length, startBytes + 100_000);
      const piece = await gathered(castBytes(path, { startBytes, endBytes }));
      expect(piece.equals(content.subarray(startBytes, endBytes))).toBe(true);
    }
  });

  it('is not made of a file that is not what the audit log says', async () => {
    const { path, content } = recording();
    expect(await compressRecording(path, '0'.repeat(64))).toEqual({ state: 'differs' });
    expect(readFileSync(path).equals(content)).toBe(true);
    expect([existsSync(`${path}.gz`), existsSync(`${path}.gz.new`)]).toEqual([false, false]);
  });

  it('is made anew when a killed process left half of one', async () => {
    const { path, content, sha256 } = recording();
    writeFileSync(`${path}.gz.new`, 'half');
    writeFileSync(`${path}.gz`, 'half, too');
    expect((await openedForm(path)).form).toBe('plain');
    await compressRecording(path, sha256);
    expect(await digestFile(path)).toEqual({ sha256, sizeBytes: content.length });
  });

  it('shows any change of a byte as a fault or another digest', async () => {
    const { path, sha256 } = recording();
    await compressRecording(path, sha256);
    const packed = readFileSync(`${path}.gz`);
    for (const at of [0, 14, 15, 20, 23, 24, 30, 5000, packed.length - 1, packed.length - 5]) {
      const changed = Buffer.from(packed);
      changed.writeUInt8((changed[at] ?? 0) ^ 1, at);
      writeFileSync(`${path}.gz`, changed);
      const digest = await digestFile(path).then(
        (found) => found.sha256,
        (error: Error) => error.name,
      );
      expect(digest).not.toBe(sha256);
    }
  });
});

async function openedForm(path: string) {
  const cast = await openStoredCast(path);
  await cast.close();
  return cast;
}
