import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateAgeKeyPair } from '../recordings/encryption/age-identity.ts';
import { type AgeRecipient, parseAgeRecipient } from '../recordings/encryption/age-recipient.ts';
import { CAST_SUFFIX, ENCRYPTED_CAST_SUFFIX } from '../recordings/format.ts';
import type { Recorder } from '../recordings/recorder.ts';
import { recoverRecordings } from '../recordings/recover.ts';
import { startBenchRecording } from './bench-recorder.ts';
import { recoveryRow, restartRow } from './recovery.ts';
import type { Row } from './table.ts';

const CHUNK_BYTES = 32 * 1024;
const RECORDING_MIB = 128;
const SUSTAINED_MIB = 1024;
const ROUNDS = 3;
const MIB = 1024 ** 2;
const INTERRUPTED_RECORDINGS = 1000;
const BEGUN = 100;

/** Less than the last line of a recording. */
const TORN_BYTES = 10;

/** What recording costs: throughput by kind of output, time of a small chunk, and closing many after a crash. */
export async function runRecordingBench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-bench-'));
  try {
    const listing = Buffer.alloc(
      CHUNK_BYTES,
      'drwxr-xr-x  5 root root   4096 Nov 20 18:53 \x1b[01;34magent\x1b[0m\r\n',
    );
    const log = Buffer.alloc(
      CHUNK_BYTES,
      '2030-01-01T12:00:00Z web-1 nginx[812]: GET /index.html 200 1532 bytes\n',
    );
    return [
      await throughput(folder, 'recording, 32 KiB of coloured listing in a terminal', true, listing, 300),
      await throughput(folder, 'recording, 32 KiB of log lines without a terminal', false, log, 300),
      await throughput(
        folder,
        'recording, 32 KiB of binary without a terminal',
        false,
        randomBytes(CHUNK_BYTES),
        600,
      ),
      await sustained(folder, log),
      await perChunk(folder, 'recording, one keystroke echoed', Buffer.from('x')),
      await perChunk(folder, 'recording, a line of 200 bytes', Buffer.alloc(200, 'ls -la; ')),
      ...(await encrypted(folder, log)),
      await recovery(folder),
      await recoveryRow(folder),
      await restartRow(folder),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function throughput(
  folder: string,
  figure: string,
  pty: boolean,
  chunk: Buffer,
  goal: number,
  encryptTo?: AgeRecipient,
): Promise<Row> {
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const recorder = startRecording(folder, pty, encryptTo);
    const chunks = (RECORDING_MIB * MIB) / chunk.length;
    const startMs = performance.now();
    for (let n = 0; n < chunks; n++) recorder.output(chunk);
    best = Math.max(best, (RECORDING_MIB * 1000) / (performance.now() - startMs));
    await finish(recorder);
  }
  return { figure, ours: Math.round(best), unit: 'MiB/s', goal };
}

/** With all that happens beside the writing: bringing to the disk every second, and the digest, to the very end. */
async function sustained(folder: string, chunk: Buffer): Promise<Row> {
  const recorder = startRecording(folder, true);
  const startMs = performance.now();
  for (let writtenBytes = 0; writtenBytes < SUSTAINED_MIB * MIB; writtenBytes += chunk.length) {
    recorder.output(chunk);
    if (writtenBytes % MIB === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const { path } = recorder;
  await recorder.close();
  const ours = (SUSTAINED_MIB * 1000) / (performance.now() - startMs);
  rmSync(path);
  return { figure: 'recording, log lines until the digest is known', ours: Math.round(ours), unit: 'MiB/s' };
}

/** The same to a key of the customer, and what beginning such a recording takes. */
async function encrypted(folder: string, log: Buffer): Promise<Row[]> {
  const recipient = parseAgeRecipient((await generateAgeKeyPair()).recipient);
  const startMs = performance.now();
  for (let n = 0; n < BEGUN; n++) await finish(startRecording(folder, false, recipient));
  const begunMs = (performance.now() - startMs) / BEGUN;
  return [
    await throughput(folder, 'recording, 32 KiB of log lines, encrypted', false, log, 300, recipient),
    await perChunk(folder, 'recording, one keystroke echoed, encrypted', Buffer.from('x'), recipient),
    { figure: 'beginning and closing an encrypted recording', ours: begunMs, unit: 'ms' },
  ];
}

async function perChunk(
  folder: string,
  figure: string,
  chunk: Buffer,
  encryptTo?: AgeRecipient,
): Promise<Row> {
  const recorder = startRecording(folder, true, encryptTo);
  const chunks = 100_000;
  const startMs = performance.now();
  for (let n = 0; n < chunks; n++) recorder.output(chunk);
  const ours = ((performance.now() - startMs) * 1000) / chunks;
  await finish(recorder);
  return { figure, ours: Math.round(ours * 100) / 100, unit: 'µs', goal: 100 };
}

async function recovery(folder: string): Promise<Row> {
  const crashed = join(folder, 'crashed');
  for (let n = 0; n < INTERRUPTED_RECORDINGS; n++) {
    const recorder = startRecording(crashed, true);
    recorder.output(Buffer.alloc(10_000, 'some output\r\n'));
    const { path } = recorder;
    await recorder.close();
    tearLastLine(path);
  }
  const startMs = performance.now();
  await recoverRecordings(crashed);
  const ours = Math.round(performance.now() - startMs) / 1000;
  return { figure: `closing ${INTERRUPTED_RECORDINGS} interrupted recordings`, ours, unit: 's', goal: 5 };
}

function startRecording(folder: string, pty: boolean, encryptTo?: AgeRecipient): Recorder {
  const suffix = encryptTo === undefined ? CAST_SUFFIX : ENCRYPTED_CAST_SUFFIX;
  const path = join(folder, `${randomUUID()}${suffix}`);
  return startBenchRecording(path, { pty, ...(encryptTo === undefined ? {} : { encryptTo }) });
}

async function finish(recorder: Recorder): Promise<void> {
  const { path } = recorder;
  await recorder.close();
  rmSync(path);
}

/** As a killed writer leaves it: without its end event, in the middle of a line. */
function tearLastLine(path: string): void {
  truncateSync(path, statSync(path).size - TORN_BYTES);
}
