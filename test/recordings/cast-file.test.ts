import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
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

  it('leaves the digest to the file once something was taken back, and only then', async () => {
    const file = CastFile.create(join(temporaryDirectory(), 'a.cast'));
    onTestFinished(() => file.close());
    file.write(Buffer.from('kept'));
    file.commit();
    file.rollback();
    expect(file.digest).toEqual({ sha256: sha256('kept'), sizeBytes: 4 });
    file.write(Buffer.from('lost'));
    file.rollback();
    expect(file.digest).toBeUndefined();
    expect(await file.readBack()).toEqual({ sha256: sha256('kept'), sizeBytes: 4 });
  });
});

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
