import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram, TestDemo } from '../support/demo.ts';
import { freePort } from '../support/free-port.ts';
import { startRealSshd } from '../support/real-sshd.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';
import { TerminalProgram } from '../support/terminal-program.ts';

let demo: TestDemo;
let stopSshd: () => Promise<void>;
let folder: string;
let removeFolder: () => void;

beforeAll(async () => {
  ({ path: folder, remove: removeFolder } = createTemporaryDirectory());
  const port = await freePort();
  const keys = join(folder, 'authorized_keys');
  writeFileSync(keys, '');
  stopSshd = await startRealSshd(folder, port, keys);
  demo = await TestDemo.start(['--sshd', `127.0.0.1:${port}`]);
  writeFileSync(keys, `${demo.document.bastion.sshClientKey}\n`);
});

afterAll(async () => {
  await demo?.stop();
  await stopSshd?.();
  removeFolder?.();
});

describe('a host whose own sshd ends the session', () => {
  it('runs commands with their exit code, recorded as ever', async () => {
    const run = await demo.ssh([demo.host, 'echo $DRAWBRIDGE_TEST; exit 42']);
    expect(run).toMatchObject({ status: 42, stdout: 'real-sshd\n' });
    const ended = await demo.auditEvent((event) => event.type === 'recording.closed');
    expect(ended.host ?? 'web-1').toBe('web-1');
  });

  it('gives a shell in a terminal that changes its size', async () => {
    const shell = TerminalProgram.start('ssh', ['-F', demo.document.sshConfig, demo.host], {
      cols: 90,
      rows: 20,
    });
    try {
      shell.type('stty size; echo $DRAWBRIDGE_TEST\n');
      await shell.shows('20 90');
      await shell.shows('real-sshd');
      shell.resize(66, 33);
      shell.type('clear; stty size\n');
      await shell.shows('33 66');
      shell.type('exit 9\n');
      expect(await shell.exit()).toBe(9);
    } finally {
      shell.kill();
    }
  });

  it('moves files with sftp', async () => {
    const from = join(folder, 'from');
    writeFileSync(from, 'text\n');
    const batch = `put ${from} ${from}-2\nget ${from}-2 ${from}-3\n`;
    const args = ['-F', demo.document.sshConfig, '-b', '-', demo.host];
    expect(await runProgram('sftp', args, { input: batch })).toMatchObject({ status: 0 });
    expect((await runProgram('diff', [from, `${from}-3`])).status).toBe(0);
    await demo.auditEvent((event) => event.type === 'file.written' && event['path'] === `${from}-2`);
  });

  it('leaves the other host with its builtin shell', async () => {
    const run = await demo.ssh([demo.document.hosts[1] ?? '', 'echo "[$DRAWBRIDGE_TEST]"']);
    expect(run).toMatchObject({ status: 0, stdout: '[]\n' });
  });
});
