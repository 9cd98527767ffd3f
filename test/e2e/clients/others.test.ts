import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClientMatrix, TARGETS } from '../../support/client-matrix.ts';
import { runProgram } from '../../support/demo.ts';
import { patience } from '../../support/patience.ts';
import { TerminalProgram } from '../../support/terminal-program.ts';

let matrix: ClientMatrix;

beforeAll(async () => {
  matrix = await ClientMatrix.start();
});
afterAll(async () => {
  await matrix?.stop();
});

const SHELL_CLIENTS = ['plink', 'dbclient'] as const;

function shellClient(client: (typeof SHELL_CLIENTS)[number], host: string): readonly string[] {
  const where = `${matrix.login}@${host}`;
  return client === 'plink'
    ? [...matrix.putty(), '-proxycmd', matrix.jumpLine(host), where]
    : [...matrix.dropbear(), '-J', matrix.jumpLine(host), where];
}

describe.each(SHELL_CLIENTS)('%s', (client) => {
  describe.concurrent.each(TARGETS)('to the $target', ({ index }) => {
    const run = (options: readonly string[], command: string, input: string | Buffer = '') => {
      const args = shellClient(client, matrix.host(index));
      return runProgram(client, [...args.slice(0, -1), ...options, ...args.slice(-1), command], { input });
    };

    it('exec: status and both outputs apart', async () => {
      const result = await run([], 'echo out; echo err >&2; exit 42');
      expect(result).toMatchObject({ status: 42, stdout: 'out\n' });
      expect(result.stderr).toMatch(/err\n$/);
    });

    it('exec: binary input to its end', async () => {
      const bytes = randomBytes(700_000);
      const result = await run([], 'sha256sum', bytes);
      expect(result.stdout.split(' ')[0]).toBe(createHash('sha256').update(bytes).digest('hex'));
    });

    it('pty: a terminal', async () => {
      const args = shellClient(client, matrix.host(index));
      const line = [...args.slice(0, -1), '-t', ...args.slice(-1), 'tty; stty size; exit 3'];
      const program = TerminalProgram.start(client, line, { cols: 91, rows: 29 });
      try {
        await program.shows(/\/dev\/pts\/\d+/);
        await program.shows('29 91');
        expect(await program.exit()).toBe(3);
      } finally {
        program.kill();
      }
    });
  });
});

const LIBRARIES = [
  { library: 'paramiko', features: ['exec', 'stdin', 'pty', 'sftp', 'channels'] },
  {
    library: 'asyncssh',
    features: ['exec', 'stdin', 'signal', 'pty', 'sftp', 'channels', 'refused', 'outputs closed first'],
  },
] as const;

describe.each(LIBRARIES)('$library', ({ library, features }) => {
  describe.concurrent.each(TARGETS)('to the $target', ({ index }) => {
    it.each(features)('%s', async (feature) => {
      const result = await matrix.python(library, feature, matrix.host(index));
      expect(result, result.stderr).toMatchObject({ status: 0, stdout: 'ok\n' });
    });

    // An sshd passes no signal on to what runs as root.
    it.runIf(library === 'asyncssh' && (index === 1 || process.getuid?.() !== 0))('sent signal', async () => {
      const result = await matrix.python(library, 'sent signal', matrix.host(index));
      expect(result, result.stderr).toMatchObject({ status: 0, stdout: 'ok\n' });
    });
  });
});

const MUCH_LIMIT_MS = 60_000 * patience();

describe('many and much', () => {
  it.each(TARGETS)(
    '50 sessions at once, then 10 one after the other, to the $target',
    async ({ index }) => {
      const ask = (number: number) => matrix.ssh([matrix.host(index), `echo ${number}; exit ${number}`]);
      const runs = await Promise.all(Array.from({ length: 50 }, (_, number) => ask(number)));
      for (let number = 50; number < 60; number++) runs.push(await ask(number));
      const wrong = runs
        .map((run, number) => ({ number, ...run }))
        .filter(({ number, status, stdout }) => status !== number || stdout !== `${number}\n`);
      expect(wrong).toEqual([]);
    },
    MUCH_LIMIT_MS,
  );

  it.each(TARGETS)(
    '64 MiB both ways under RekeyLimit 1M to the $target',
    async ({ index }) => {
      const path = join(matrix.folder, `much-${index}`);
      const bytes = randomBytes(64 * 1024 * 1024);
      writeFileSync(path, bytes);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const ssh = `$SSH -o RekeyLimit=1M ${matrix.host(index)}`;
      const up = await matrix.local(`${ssh} sha256sum < ${path}`);
      expect(up.stdout.split(' ')[0]).toBe(sha256);
      const down = await matrix.local(`${ssh} cat ${path} | sha256sum`);
      expect(down.stdout.split(' ')[0]).toBe(sha256);
    },
    MUCH_LIMIT_MS,
  );
});
