// A process that floods a recording and tells its parent, on standard output, what it has released: for each chunk
// its length (32 bits, big-endian) and its bytes. It runs until it is killed, or until the recording fails: then it
// says so on standard error and ends with code 3.
import { writeSync } from 'node:fs';
import { parseAgeRecipient } from '../../recordings/encryption/age-recipient.ts';
import { Recorder } from '../../recordings/recorder.ts';
import { systemClock } from '../../shared/clock.ts';
import { isDrawbridgeError } from '../../shared/errors.ts';
import { castHeader } from './cast-header.ts';

const STDOUT = 1;
const [path = '', mode = 'pty', recipient] = process.argv.slice(2);

function writeAll(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(STDOUT, bytes, at);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
    }
  }
}

function release(bytes: Buffer): void {
  if (bytes.length === 0) return;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  writeAll(Buffer.concat([length, bytes]));
}

/** Text with escapes and characters of all lengths, cut anywhere, and now and then something that is no text. */
function chunk(n: number): Buffer {
  const text = Buffer.from(`line ${n}: \u001b[1mé☃𝄞\u001b[0m\r\n`.repeat(1 + (n % 40)));
  return n % 11 === 0 ? Buffer.from([0xff, n & 0xff, 0]) : text.subarray(n % 3, text.length - (n % 4));
}

const recorder = Recorder.create(path, castHeader(), {
  clock: systemClock,
  pty: mode === 'pty',
  onHeldRelease: release,
  onFailure: end,
  ...(recipient === undefined ? {} : { encryptTo: [parseAgeRecipient(recipient)] }),
});

function end(error: unknown): void {
  if (!isDrawbridgeError(error, 'recording.failed')) throw error;
  process.stderr.write('recording.failed');
  process.exitCode = 3;
}

function flood(n: number): void {
  try {
    for (let next = n; next < n + 50; next++) release(recorder.output(chunk(next)));
  } catch (error) {
    end(error);
    void recorder.close();
    return;
  }
  setImmediate(flood, n + 50);
}

flood(0);
