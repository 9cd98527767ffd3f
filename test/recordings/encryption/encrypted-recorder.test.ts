import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Decrypter } from 'age-encryption';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { rawOutput, readCast } from '../../../recordings/cast-reader.ts';
import { digestFile } from '../../../recordings/digest.ts';
import { AgeCast } from '../../../recordings/encryption/age-cast.ts';
import {
  fileKeyFrom,
  generateAgeKeyPair,
  readAgeIdentities,
} from '../../../recordings/encryption/age-identity.ts';
import { type AgeRecipient, parseAgeRecipient } from '../../../recordings/encryption/age-recipient.ts';
import { liveRecording } from '../../../recordings/live.ts';
import { Recorder, type RecorderOptions } from '../../../recordings/recorder.ts';
import { recoverRecordings } from '../../../recordings/recover.ts';
import { castHeader } from '../../support/cast-header.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createTemporaryDirectory, temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitFor } from '../../support/wait-for.ts';

const hasAge = spawnSync('age', ['--version']).status === 0;

let identity = '';
let recipient: AgeRecipient;
beforeAll(async () => {
  const pair = await generateAgeKeyPair();
  identity = pair.identity;
  recipient = parseAgeRecipient(pair.recipient);
});

function start(folder: string, options: Partial<RecorderOptions> = {}) {
  const clock = new FakeClock();
  const path = join(folder, 'recordings', 's-1.cast.age');
  const encryptTo = [recipient];
  return {
    clock,
    path,
    recorder: Recorder.create(path, castHeader(), { clock, pty: false, encryptTo, ...options }),
  };
}

const withKey = (path: string) => () => AgeCast.open(path, fileKeyFrom([identity]));

async function outputOf(path: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of rawOutput(withKey(path))) parts.push(part);
  return Buffer.concat(parts);
}

/** What the library of age, which is not ours, makes of the file: an error unless all of it is in order. */
async function openedByLibrary(path: string): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return decrypter.decrypt(readFileSync(path), 'text');
}

const filesIn = (path: string) => readdirSync(join(path, '..'));

describe('An encrypted recording', () => {
  it('holds nothing of what was shown that can be read without the key', async () => {
    const { path, recorder } = start(temporaryDirectory());
    recorder.output(Buffer.from('the secret of the day'));
    await recorder.close();
    expect(readFileSync(path).includes('secret')).toBe(false);
    expect((await outputOf(path)).toString()).toBe('the secret of the day');
  });

  it('has written what it gives back before it gives it back', async () => {
    const { path, recorder } = start(temporaryDirectory());
    recorder.output(Buffer.from('one'));
    const before = statSync(path).size;
    recorder.output(Buffer.from('two'));
    expect(statSync(path).size).toBeGreaterThan(before);
    // As a killed process leaves it.
    expect((await outputOf(path)).toString()).toBe('onetwo');
    await recorder.close();
  });

  it('is an age file with an asciicast in it, of any length and bound in at any time', async () => {
    // Around the length of one chunk and of two everything may go wrong.
    const lengths = fc.oneof(
      fc.nat(2_000),
      fc.integer({ min: 64_800, max: 65_700 }),
      fc.integer({ min: 130_000, max: 131_300 }),
    );
    await fc.assert(
      fc.asyncProperty(lengths, fc.boolean(), fc.nat(20), async (length, isBound, pieces) => {
        const { path: folder, remove } = createTemporaryDirectory();
        try {
          const { clock, path, recorder } = start(folder);
          const text = Buffer.alloc(length, 'abcdefgh');
          const step = Math.max(1, Math.ceil(length / (pieces + 1)));
          for (let at = 0; at < length; at += step) recorder.output(text.subarray(at, at + step));
          if (isBound) {
            clock.advance(1000);
            await waitFor(() => recorder.partialDigest.sizeBytes > 0);
            recorder.bindBeginning();
          }
          const beginning = readFileSync(path);
          recorder.exit({ code: 3 });
          const digest = await recorder.close();
          expect(digest).toMatchObject({ complete: true, ...(await digestFile(path)) });
          const text2 = await openedByLibrary(path);
          expect(text2.endsWith('\n')).toBe(true);
          const lines = text2.trimEnd().split('\n');
          expect(JSON.parse(lines.at(-1) ?? '')).toEqual([isBound ? 1 : 0, 'x', '3']);
          const cast = await AgeCast.open(path, fileKeyFrom([identity]));
          expect(cast.isComplete).toBe(true);
          expect(cast.sizeBytes).toBe(Buffer.byteLength(text2));
          await cast.close();
          expect((await outputOf(path)).equals(text)).toBe(true);
          if (isBound) {
            expect(readFileSync(path).subarray(0, beginning.length).equals(beginning)).toBe(true);
          }
          expect(filesIn(path)).toEqual(['s-1.cast.age']);
        } finally {
          remove();
        }
      }),
      { numRuns: 25 },
    );
  });

  it('stays small when it is small', async () => {
    const { path, recorder } = start(temporaryDirectory());
    recorder.output(Buffer.from('ok\n'));
    await recorder.close();
    expect(statSync(path).size).toBeLessThan(1_500);
  });

  it.runIf(hasAge)('is opened by age itself', async () => {
    const folder = temporaryDirectory();
    const { path, recorder } = start(folder);
    for (let n = 0; n < 5_000; n++) recorder.output(Buffer.from(`line ${n} of the output\n`));
    await recorder.close();
    const key = join(folder, 'key');
    writeFileSync(key, `# a comment\n${identity}\n`);
    const opened = spawnSync('age', ['-d', '-i', key, path], { maxBuffer: 1e7 });
    expect(opened.stderr.toString()).toBe('');
    const items: unknown[] = [];
    for await (const item of readCast(withKey(path))) items.push(item);
    expect(items).toHaveLength(5_002);
    expect(opened.stdout.toString().trimEnd().split('\n')).toHaveLength(5_002);
  });

  it('can be read up to any byte at which it was cut off', async () => {
    const source = createTemporaryDirectory();
    try {
      const { path: original, recorder } = start(source.path);
      for (let n = 0; n < 3_000; n++) recorder.output(Buffer.from(`line ${n} of this\n`));
      const sizeBytes = statSync(original).size;
      expect(sizeBytes).toBeGreaterThan(70_000);
      const whole = await outputOf(original);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 600, max: sizeBytes }), async (cutAt) => {
          const { path: folder, remove } = createTemporaryDirectory();
          try {
            const path = join(folder, 'a.cast.age');
            writeFileSync(path, readFileSync(original));
            truncateSync(path, cutAt);
            const found = await outputOf(path);
            expect(whole.subarray(0, found.length).equals(found)).toBe(true);
            // Less than a line of ours is lost, besides header, tags and what JSON adds.
            const lines = Math.floor((cutAt - 700) / 45);
            expect(found.length).toBeGreaterThanOrEqual(Math.max(0, lines - 1) * 15);
          } finally {
            remove();
          }
        }),
        { numRuns: 25 },
      );
      await recorder.close();
    } finally {
      source.remove();
    }
  });

  it('is not opened, chunk by chunk, when a whole chunk was changed', async () => {
    const { path, recorder } = start(temporaryDirectory());
    recorder.output(Buffer.alloc(200_000, 'x'));
    await recorder.close();
    const bytes = readFileSync(path);
    bytes[10_000] = (bytes[10_000] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    await expect(outputOf(path)).rejects.toMatchObject({ code: 'recording.malformed' });
  });

  it('says that it is encrypted to who has no key, and that the key is wrong to who has another', async () => {
    const { path, recorder } = start(temporaryDirectory());
    await recorder.close();
    const read = async (source: Parameters<typeof readCast>[0]) => {
      for await (const _ of readCast(source));
    };
    await expect(read(path)).rejects.toMatchObject({ code: 'recording.encrypted' });
    const other = await generateAgeKeyPair();
    await expect(read(() => AgeCast.open(path, fileKeyFrom([other.identity])))).rejects.toMatchObject({
      code: 'recording.no_key',
    });
    expect(() => fileKeyFrom(['AGE-SECRET-KEY-1XYZ'])).toThrow(
      expect.objectContaining({ code: 'recording.identity_invalid' }),
    );
  });

  it('is shown to who watches it while it grows, from the beginning, without a key', async () => {
    const { path, recorder } = start(temporaryDirectory());
    recorder.output(Buffer.from('before\n'));
    const seen: string[] = [];
    const watching = (async () => {
      for await (const item of liveRecording(path, recorder)) {
        seen.push(item.kind === 'event' ? `${item.code} ${item.data.slice(0, 10)}` : item.kind);
      }
    })();
    await waitFor(() => seen.length === 2);
    recorder.output(Buffer.alloc(100_000, 'y'));
    await waitFor(() => seen.length > 2);
    await recorder.close();
    await watching;
    expect(seen[1]).toBe('o before\n');
    expect(seen.slice(-2)).toEqual(['x none', 'end']);
    await expect(recorder.open()).rejects.toMatchObject({ code: 'recording.encrypted' });
  });

  it('ends with exactly what was released when the disk takes no more', async () => {
    const { path, recorder } = start(temporaryDirectory(), { limitBytes: 100_000 });
    let released = Buffer.alloc(0);
    expect(() => {
      for (;;) released = Buffer.concat([released, recorder.output(Buffer.alloc(3_001, 'z'))]);
    }).toThrow(expect.objectContaining({ code: 'recording.failed' }));
    expect(await recorder.close()).toMatchObject({ complete: false });
    expect((await outputOf(path)).equals(released)).toBe(true);
  });

  it('is recovered as it is, with its digest, what it may lack, and nothing left beside it', async () => {
    const folder = temporaryDirectory();
    const { path, recorder } = start(folder);
    recorder.output(Buffer.from('something'));
    const before = readFileSync(path);
    writeFileSync(`${path}.new`, 'half of a file');
    const [found] = await recoverRecordings(folder, { gapMs: 1000 });
    expect(found).toMatchObject({
      state: 'interrupted',
      gapMs: 1000,
      changed: false,
      ...(await digestFile(path)),
    });
    expect(readFileSync(path)).toEqual(before);
    expect(existsSync(`${path}.new`)).toBe(false);
    await recorder.close();
  });
});

describe('readAgeIdentities', () => {
  it('takes a file of age-keygen, and nothing else', async () => {
    const file = join(temporaryDirectory(), 'key');
    writeFileSync(file, `# created: now\n# public key: age1x\n${identity}\n\n`);
    expect(await readAgeIdentities(file)).toEqual([identity]);
    writeFileSync(file, `${identity}\n-----BEGIN OPENSSH PRIVATE KEY-----\n`);
    await expect(readAgeIdentities(file)).rejects.toMatchObject({ code: 'recording.identity_invalid' });
    await expect(readAgeIdentities(`${file}.none`)).rejects.toMatchObject({
      code: 'recording.identity_unreadable',
    });
  });
});
