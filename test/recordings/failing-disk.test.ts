import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { rawOutput } from '../../recordings/cast-reader.ts';
import { digestFile } from '../../recordings/digest.ts';
import { AgeCast } from '../../recordings/encryption/age-cast.ts';
import { fileKeyFrom, generateAgeKeyPair } from '../../recordings/encryption/age-identity.ts';
import { parseAgeRecipient } from '../../recordings/encryption/age-recipient.ts';
import { Recorder } from '../../recordings/recorder.ts';
import type { DrawbridgeError } from '../../shared/errors.ts';
import { castHeader } from '../support/cast-header.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

/** Which calls fail from now on, as they do on a disk that is dying or was remounted read-only. */
const faults = vi.hoisted(() => ({ write: '', sync: '', folder: '' }));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof import('node:fs')>();
  const fault = (code: string) => Object.assign(new Error(`${code}: the test says so`), { code });
  const writeSync = ((fd: number, buffer: Buffer, offset?: number, length?: number) => {
    if (faults.write === '') return real.writeSync(fd, buffer, offset, length);
    // A part reaches the disk before it fails.
    real.writeSync(fd, buffer, offset, Math.min(3, length ?? 3));
    throw fault(faults.write);
  }) as typeof real.writeSync;
  const fdatasync = ((fd: number, done: (error: Error | null) => void) => {
    if (faults.sync === '') real.fdatasync(fd, done);
    else done(fault(faults.sync));
  }) as typeof real.fdatasync;
  const openPromised = ((path: string, ...rest: [string?, number?]) =>
    faults.folder === ''
      ? real.promises.open(path, ...rest)
      : Promise.reject(fault(faults.folder))) as typeof real.promises.open;
  const promises = { ...real.promises, open: openPromised };
  return { ...real, default: { ...real, writeSync, fdatasync, promises } };
});

beforeEach(() => {
  faults.write = '';
  faults.sync = '';
  faults.folder = '';
});

function start() {
  const clock = new FakeClock();
  const failures: DrawbridgeError[] = [];
  const path = join(temporaryDirectory(), 'a.cast');
  const onFailure = (error: DrawbridgeError) => failures.push(error);
  return {
    clock,
    failures,
    path,
    recorder: Recorder.create(path, castHeader(), { clock, pty: false, onFailure }),
  };
}

async function outputOf(path: string): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of rawOutput(path)) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('A recording on a disk that fails', () => {
  it.each(['EIO', 'EROFS', 'ENOSPC'])(
    'holds what was released, and releases nothing after %s',
    async (code) => {
      const { path, recorder } = start();
      recorder.output(Buffer.from('before\n'));
      faults.write = code;
      expect(() => recorder.output(Buffer.from('unseen\n'))).toThrow(
        expect.objectContaining({ code: 'recording.failed' }),
      );
      // It does not come back to life: what is between would be missing.
      faults.write = '';
      expect(() => recorder.output(Buffer.from('after\n'))).toThrow(
        expect.objectContaining({ code: 'recording.failed' }),
      );
      const digest = await recorder.close();
      expect(digest).toMatchObject({ complete: false, ...(await digestFile(path)) });
      expect(await outputOf(path)).toBe('before\n');
      expect(readFileSync(path, 'utf8').endsWith('\n')).toBe(true);
    },
  );

  it('ends the session when what was written can not be brought to the disk', async () => {
    const { clock, failures, recorder } = start();
    recorder.output(Buffer.from('shown\n'));
    faults.sync = 'EIO';
    clock.advance(1000);
    await waitFor(() => failures.length > 0);
    expect(failures).toMatchObject([{ code: 'recording.failed' }]);
    expect(() => recorder.output(Buffer.from('more\n'))).toThrow();
    expect(await recorder.close()).toMatchObject({ complete: false });
  });

  it('is told as it is when it was encrypted and put in its own place, and the folder can not be synchronised', async () => {
    const { identity, recipient } = await generateAgeKeyPair();
    const path = join(temporaryDirectory(), 'a.cast.age');
    const encryptTo = [parseAgeRecipient(recipient)];
    const recorder = Recorder.create(path, castHeader(), { clock: new FakeClock(), pty: false, encryptTo });
    recorder.output(Buffer.from('shown\n'));
    faults.folder = 'EIO';
    expect(await recorder.close()).toMatchObject({ complete: false, ...(await digestFile(path)) });
    const opened = await AgeCast.open(path, fileKeyFrom([identity]));
    expect(opened.isComplete).toBe(true);
    await opened.close();
  });

  it('is not begun when its header can not be written', () => {
    faults.write = 'EIO';
    expect(start).toThrow(expect.objectContaining({ code: 'recording.failed' }));
  });
});
