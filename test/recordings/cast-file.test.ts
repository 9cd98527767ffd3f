import { createHash } from 'node:crypto';
import fs, { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CastFile } from '../../recordings/cast-file.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

describe('CastFile', () => {
  it('names every folder that got a new entry', () => {
    const folder = temporaryDirectory();
    const first = CastFile.create(join(folder, '2030', '01', 'a.cast'));
    expect([...first.foldersToSync]).toEqual([join(folder, '2030', '01'), join(folder, '2030'), folder]);
    const second = CastFile.create(join(folder, '2030', '01', 'b.cast'));
    expect(second.foldersToSync).toEqual([dirname(second.path)]);
    first.close();
    second.close();
  });

  it('takes back what was written since the last commit', () => {
    const file = CastFile.create(join(temporaryDirectory(), 'a.cast'));
    file.write(Buffer.from('kept'));
    file.commit();
    file.write(Buffer.from('lost'));
    expect(readFileSync(file.path, 'utf8')).toBe('keptlost');
    file.rollback();
    expect(readFileSync(file.path, 'utf8')).toBe('kept');
    file.write(Buffer.from('!'));
    file.commit();
    expect(readFileSync(file.path, 'utf8')).toBe('kept!');
    expect(file.committedBytes).toBe(5);
    file.close();
    file.close();
  });

  it('knows the digest of what it wrote, and not of what somebody made of it', async () => {
    const file = CastFile.create(join(temporaryDirectory(), 'a.cast'));
    onTestFinished(() => file.close());
    file.write(Buffer.from('shown'));
    file.commit();
    writeFileSync(file.path, 'other');
    expect(file.digest).toEqual({ sha256: sha256('shown'), sizeBytes: 5 });
    expect(await file.readBack()).toEqual({ sha256: sha256('other'), sizeBytes: 5 });
  });

  it('knows the digest of what took the place of everything, and of what follows it', async () => {
    const file = CastFile.create(join(temporaryDirectory(), 'a.cast'));
    onTestFinished(() => file.close());
    file.write(Buffer.from('first'));
    file.commit();
    await file.replace(Buffer.from('second'));
    file.write(Buffer.from('!'));
    file.commit();
    expect(file.digest).toEqual({ sha256: sha256('second!'), sizeBytes: 7 });
    expect(await file.readBack()).toEqual(file.digest);
  });

  it('keeps its digest when an event is taken back, also one of several writes', async () => {
    const file = CastFile.create(join(temporaryDirectory(), 'a.cast'));
    onTestFinished(() => file.close());
    file.write(Buffer.from('kept'));
    file.commit();
    const large = Buffer.alloc(128 * 1024, 'x');
    file.write(large);
    file.write(Buffer.from('more of it'));
    file.rollback();
    expect(file.digest).toEqual({ sha256: sha256('kept'), sizeBytes: 4 });
    file.write(large);
    file.write(Buffer.from('more of it'));
    file.commit();
    file.write(Buffer.from('!'));
    file.commit();
    expect(file.digest).toEqual({
      sha256: sha256(`kept${large}more of it!`),
      sizeBytes: 4 + large.length + 11,
    });
    expect(await file.readBack()).toEqual(file.digest);
  });

  it('keeps its digest when a write fails in the middle', async () => {
    const file = CastFile.create(join(temporaryDirectory(), 'a.cast'));
    onTestFinished(() => file.close());
    file.write(Buffer.from('kept'));
    file.commit();
    const writeSync = vi.spyOn(fs, 'writeSync');
    writeSync.mockImplementationOnce(() => 3);
    writeSync.mockImplementationOnce(() => {
      throw new Error('the disk is full');
    });
    expect(() => file.write(Buffer.from('lost'))).toThrow('full');
    writeSync.mockRestore();
    file.rollback();
    expect(file.digest).toEqual({ sha256: sha256('kept'), sizeBytes: 4 });
  });

  it('leaves the digest to the file where it can not know it any more', async () => {
    const file = CastFile.create(join(temporaryDirectory(), 'a.cast'));
    onTestFinished(() => file.close());
    file.write(Buffer.from('kept'));
    file.commit();
    file.rollback();
    expect(file.digest).toEqual({ sha256: sha256('kept'), sizeBytes: 4 });
    file.write(Buffer.from('lost '));
    file.write(Buffer.from('twice'));
    file.rollback();
    expect(file.digest).toBeUndefined();
    expect(await file.readBack()).toEqual({ sha256: sha256('kept'), sizeBytes: 4 });
  });
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
