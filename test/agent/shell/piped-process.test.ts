import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HostProcess, ProcessEnd } from '../../../agent/shell/host-process.ts';
import { startPiped } from '../../../agent/shell/piped-process.ts';
import { systemClock } from '../../../shared/clock.ts';
import { waitFor } from '../../support/wait-for.ts';

interface Run {
  readonly end: ProcessEnd;
  /** It was told that the outputs were closed before the end was. */
  readonly outputEndedFirst: boolean;
  readonly stdout: Buffer;
  readonly stderr: string;
}

async function run(
  line: readonly [string, ...string[]],
  begin: (process: HostProcess) => void = (process) => process.endInput(),
  uid?: number,
  onOutputEnd: (process: HostProcess) => void = () => undefined,
): Promise<Run> {
  let outputEndedFirst = false;
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let ended: (end: ProcessEnd) => void = () => undefined;
  const end = new Promise<ProcessEnd>((resolve) => {
    ended = resolve;
  });
  const spec = { line, env: { PATH: process.env['PATH'] ?? '' }, cwd: '/' };
  const started = await startPiped(
    uid === undefined ? spec : { ...spec, uid },
    {
      onOutput: (chunk, stream) => (stream === 'stdout' ? stdout : stderr).push(chunk),
      onDrain: () => undefined,
      onOutputEnd: () => {
        outputEndedFirst = true;
        onOutputEnd(started);
      },
      onEnd: (how) => ended(how),
    },
    systemClock,
  );
  begin(started);
  const how = await end;
  const said = { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
  return { end: how, outputEndedFirst, ...said };
}

const shell = (script: string): [string, ...string[]] => ['/bin/sh', '-c', script];

describe('a process on pipes', () => {
  it('can open its input and outputs by their names, as under sshd', async () => {
    const result = await run(
      shell('echo out > /dev/stdout; echo err > /dev/stderr; cat /dev/stdin; exit 7'),
      (process) => {
        process.write(Buffer.from('given\n'));
        process.endInput();
      },
    );
    expect(result.end).toEqual({ kind: 'exited', code: 7 });
    expect(result.stdout.toString()).toBe('out\ngiven\n');
    expect(result.stderr).toBe('err\n');
  });

  it.skipIf(process.getuid?.() !== 0 || !existsSync('/usr/bin/setpriv'))(
    'can do so as another account too',
    async () => {
      const drop = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
      const line = ['/usr/bin/setpriv', ...drop, ...shell('id -u > /dev/stderr; exec cat /dev/stdin')];
      const result = await run(line as [string, ...string[]], (process) => process.endInput(), 65534);
      expect(result).toMatchObject({ end: { kind: 'exited', code: 0 }, stderr: '65534\n' });
    },
  );

  it('tells that it has closed its outputs and goes on', async () => {
    const script = shell('exec >&- 2>&-; read line; exit 9');
    const tell = (process: HostProcess): void => void process.write(Buffer.from('go on\n'));
    const result = await run(script, () => undefined, undefined, tell);
    expect(result).toMatchObject({ end: { kind: 'exited', code: 9 }, outputEndedFirst: true });
  });

  it('tells the signal that ended it', async () => {
    expect((await run(shell('kill -TERM $$'))).end).toEqual({ kind: 'signalled', signal: 'TERM' });
  });

  it('tells its end behind all its output, whatever bytes that holds', async () => {
    const bytes = randomBytes(3_000_000);
    const result = await run(['cat'], (process) => {
      process.write(bytes);
      process.endInput();
    });
    const digest = (of: Buffer): string => createHash('sha256').update(of).digest('hex');
    expect(digest(result.stdout)).toBe(digest(bytes));
  });

  it('refuses a program that is not there, and keeps nothing open', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    await run(shell('true'));
    const before = open();
    for (let round = 0; round < 5; round++) {
      await run(shell('true'));
      await expect(run(['/no/such/program'])).rejects.toMatchObject({ code: 'agent.start_failed' });
    }
    await waitFor(() => open() <= before, { what: 'everything to be closed' });
  });
});
