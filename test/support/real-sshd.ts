import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { waitFor } from './wait-for.ts';

const SFTP_SERVERS = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/libexec/sftp-server',
];
const SSHD = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd'].find(existsSync) ?? 'sshd';

/**
 * Starts the system's sshd with a configuration of its own in `folder`, that lets in whoever the file `keys` names, as
 * the current user. `more`: further lines of its configuration. Its log is `sshd.log` there. Gives what stops it.
 */
export async function startRealSshd(
  folder: string,
  port: number,
  keys: string,
  more: readonly string[] = [],
): Promise<() => Promise<void>> {
  const hostKey = join(folder, 'host_key');
  const made = existsSync(hostKey)
    ? undefined
    : spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]);
  if (made !== undefined && made.status !== 0)
    throw new Error(`ssh-keygen failed: ${made.stderr.toString()}`);
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
    'AcceptEnv LANG LC_* DRAWBRIDGE_OPERATOR',
    'MaxStartups 200',
    'SetEnv DRAWBRIDGE_TEST=real-sshd',
    ...more,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const sshd = spawn(SSHD, ['-D', '-E', join(folder, 'sshd.log'), '-f', config], { stdio: 'ignore' });
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
