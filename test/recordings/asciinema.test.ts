import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Recorder } from '../../recordings/recorder.ts';
import { systemClock } from '../../shared/clock.ts';
import { castHeader } from '../support/cast-header.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

beforeAll(() => {
  if (spawnSync('asciinema', ['--version']).status !== 0) {
    throw new Error(
      'asciinema is missing: install it with `apt-get install asciinema`, then run the tests again.',
    );
  }
});

/** What `asciinema cat` writes. It wants a terminal for its keys; `script` (of every Debian) gives it one. */
function asciinemaCat(path: string) {
  const command = `asciinema cat '${path}' >'${path}.out' 2>'${path}.err'`;
  const { status } = spawnSync('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  return { status, output: readFileSync(`${path}.out`, 'utf8'), errors: readFileSync(`${path}.err`, 'utf8') };
}

describe("Debian's asciinema 2.2", () => {
  it('shows a terminal recording with all our events in it', async () => {
    const path = join(temporaryDirectory(), 'a.cast');
    const recorder = Recorder.create(path, castHeader({ title: 'x', command: 'bash' }), {
      clock: systemClock,
      pty: true,
    });
    recorder.output(Buffer.from('\u001b[1mhé☃𝄞llo\u001b[0m "quoted\\"\t\u007f\u0007\r\n'));
    recorder.input(Buffer.from('typed'));
    recorder.resize(100, 30);
    recorder.marker('a label');
    recorder.output(Buffer.from([0x41, 0xff, 0x42]));
    recorder.exit({ code: 3 });
    await recorder.close();
    expect(asciinemaCat(path)).toEqual({
      status: 0,
      output: '\u001b[1mhé☃𝄞llo\u001b[0m "quoted\\"\t\u007f\u0007\r\nA\ufffdB',
      errors: '',
    });
  });

  it('shows a recording without a terminal, with characters split over chunks', async () => {
    const path = join(temporaryDirectory(), 'a.cast');
    const recorder = Recorder.create(path, castHeader(), { clock: systemClock, pty: false });
    for (const byte of Buffer.from('a☃b\n')) recorder.output(Buffer.from([byte]));
    recorder.output(Buffer.from([0, 1]));
    await recorder.close();
    expect(asciinemaCat(path)).toEqual({
      status: 0,
      output: 'a☃b\n[2 bytes that are not text]\n',
      errors: '',
    });
  });
});
