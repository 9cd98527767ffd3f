import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CastFile } from '../../recordings/cast-file.ts';
import { SyncedBeginning } from '../../recordings/synced-beginning.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function commit(file: CastFile, text: string): void {
  file.write(Buffer.from(text));
  file.commit();
}

function begun() {
  const file = CastFile.create(join(temporaryDirectory(), 'a.cast'));
  onTestFinished(() => file.close());
  return { file, synced: new SyncedBeginning(file) };
}

const digestOf = (text: string) => ({
  sha256: createHash('sha256').update(text).digest('hex'),
  sizeBytes: text.length,
});

describe('SyncedBeginning', () => {
  it('is empty until it was brought to the disk for the first time', async () => {
    const { file, synced } = begun();
    commit(file, 'shown');
    expect(synced.digest).toEqual(digestOf(''));
    expect(synced.missingBytes).toBe(5);
    await synced.sync();
    expect(synced.digest).toEqual(digestOf('shown'));
    expect(synced.missingBytes).toBe(0);
  });

  it('does not count what was written while the disk worked', async () => {
    const { file, synced } = begun();
    commit(file, 'before');
    const syncing = synced.sync();
    commit(file, ' after');
    await syncing;
    expect(synced.digest).toEqual(digestOf('before'));
    expect(synced.missingBytes).toBe(6);
  });

  it('stays at what it was when the disk refuses', async () => {
    const { file, synced } = begun();
    commit(file, 'kept');
    await synced.sync();
    commit(file, ' lost');
    file.close();
    await expect(synced.sync()).rejects.toThrow('EBADF');
    expect(synced.digest).toEqual(digestOf('kept'));
  });
});
