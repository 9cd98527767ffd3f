import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram, TestDemo } from '../support/demo.ts';
import { freePort } from '../support/free-port.ts';
import { createTemporaryDirectory } from '../support/temporary-directory.ts';
import { TerminalProgram } from '../support/terminal-program.ts';
import { waitFor } from '../support/wait-for.ts';

const SFTP_SERVERS = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/libexec/sftp-server',
];
const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'].find(existsSync) ?? 'sshd';

let demo: TestDemo;
let stopSshd: () => Promise<void>;
let folder: string;
let removeFolder: () => void;

/** A real sshd with a configuration of its own, that lets in whoever `keys` names, as the current user. */
async function startSshd(port: number, keys: string): Promise<() => Promise<void>> {
  const hostKey = join(folder, 'host_key');
  expect(spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]).status).toBe(0);
  const config = join(folder, 'sshd_config');
  const lines = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${keys}`,
    `PidFile ${join(folder, 'sshd.pid')}`,
    `Subsystem sftp ${SFTP_SERVERS.find(existsSync) ?? 'internal-sftp'}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    'SetEnv DRAWBRIDGE_TEST=real-sshd',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const sshd = spawn(SSHD, ['-D', '-e', '-f', config], { stdio: 'ignore' });
  const ended = once(sshd, 'close');
  await waitFor(
    async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
      return true;
    },
    { what: 'sshd to listen' },
  );
  return async () => {
    sshd.kill('SIGTERM');
    await ended;
  };
}

beforeAll(async () => {
  ({ path: folder, remove: removeFolder } = createTemporaryDirectory());
  const port = await freePort();
  const keys = join(folder, 'authorized_keys');
  writeFileSync(keys, '');
  stopSshd = await startSshd(port, keys);
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
