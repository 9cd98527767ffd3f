import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawOutput } from '../../recordings/cast-reader.ts';
import { AgeCast } from '../../recordings/encryption/age-cast.ts';
import { fileKeyFrom, generateAgeKeyPair } from '../../recordings/encryption/age-identity.ts';
import { recoverRecordings } from '../../recordings/recover.ts';
import type { CastSource } from '../../recordings/stored-cast.ts';
import { createTemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';
import { buildChildScript } from '../support/typescript-child.ts';

const scripts = createTemporaryDirectory();
let floodScript = '';

beforeAll(async () => {
  const entry = fileURLToPath(new URL('../support/recorder-flood.ts', import.meta.url));
  floodScript = await buildChildScript(entry, scripts.path);
});
afterAll(scripts.remove);

/** The whole chunks that the child told of; a last one that the kill cut short was not released in full. */
function releasedBytes(told: Buffer): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at + 4 <= told.length; ) {
    const length = told.readUInt32BE(at);
    chunks.push(told.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return Buffer.concat(chunks);
}

async function recorded(source: CastSource): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of rawOutput(source)) parts.push(part);
  return Buffer.concat(parts);
}

async function floodUntilKilled(args: readonly string[], killAfterBytes: number): Promise<Buffer> {
  const child = spawn(process.execPath, [floodScript, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const told: Buffer[] = [];
  let toldBytes = 0;
  child.stdout.on('data', (bytes: Buffer) => {
    told.push(bytes);
    toldBytes += bytes.length;
    if (toldBytes >= killAfterBytes) child.kill('SIGKILL');
  });
  await once(child, 'close');
  expect(child.signalCode).toBe('SIGKILL');
  return releasedBytes(Buffer.concat(told));
}

describe('A recording whose process is killed', () => {
  it.each([100_000, 900_000])(
    'holds all that was released when it is encrypted (%i bytes)',
    async (bytes) => {
      const folder = temporaryDirectory();
      const path = join(folder, 'a.cast.age');
      const { identity, recipient } = await generateAgeKeyPair();
      const released = await floodUntilKilled([path, 'pty', recipient], bytes);
      expect(await recoverRecordings(folder)).toMatchObject([{ state: 'interrupted', changed: false }]);
      const held = await recorded(() => AgeCast.open(path, fileKeyFrom([identity])));
      expect(held.subarray(0, released.length).equals(released)).toBe(true);
      expect(held.length - released.length).toBeLessThan(200_000);
    },
  );

  it.each([
    ['pty', 100_000],
    ['pty', 400_000],
    ['pty', 900_000],
    ['stream', 100_000],
    ['stream', 400_000],
    ['stream', 900_000],
  ])('holds all that was released (%s, killed after %i bytes)', async (mode, killAfterBytes) => {
    const folder = temporaryDirectory();
    const path = join(folder, 'a.cast');
    const released = await floodUntilKilled([path, mode], killAfterBytes);
    expect(released.length).toBeGreaterThan(killAfterBytes / 2);
    const [recovered] = await recoverRecordings(folder);
    expect(recovered).toMatchObject({ state: 'interrupted', changed: true });
    const held = await recorded(path);
    expect(held.subarray(0, released.length).equals(released)).toBe(true);
    // At most what one call had recorded and the kill kept it from telling, besides what filled the pipe.
    expect(held.length - released.length).toBeLessThan(200_000);
  });
});

describe('A recording whose disk takes no more', () => {
  it.each(['pty', 'stream'])('ends with exactly what was released (%s)', async (mode) => {
    const folder = temporaryDirectory();
    const path = join(folder, 'a.cast');
    // The limit on file sizes makes the kernel write a part first and then nothing, as a disk does that fills up.
    const limited = `ulimit -f 200; exec "${process.execPath}" "${floodScript}" "${path}" ${mode}`;
    const child = spawn('sh', ['-c', limited], { stdio: ['ignore', 'pipe', 'pipe'] });
    const told: Buffer[] = [];
    const said: Buffer[] = [];
    child.stdout.on('data', (bytes: Buffer) => told.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => said.push(bytes));
    const [code] = await once(child, 'close');
    expect(Buffer.concat(said).toString()).toBe('recording.failed');
    expect(code).toBe(3);
    expect(statSync(path).size).toBeGreaterThan(50_000);
    expect((await recorded(path)).equals(releasedBytes(Buffer.concat(told)))).toBe(true);
  });
});
