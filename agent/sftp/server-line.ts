import { fileURLToPath } from 'node:url';
import { firstExecutable } from '../shell/launch.ts';

/** Where distributions put OpenSSH's SFTP server. */
const SYSTEM_SERVERS = [
  '/usr/lib/openssh/sftp-server',
  '/usr/libexec/openssh/sftp-server',
  '/usr/lib/ssh/sftp-server',
  '/usr/libexec/sftp-server',
  '/usr/libexec/sftp-server-openssh',
];

/**
 * Command line of the SFTP server: the system's if there is one, else our own, run by the same Node as the agent.
 * @param systemServers paths to look for, first wins
 */
export function sftpServerLine(
  systemServers: readonly string[] = SYSTEM_SERVERS,
): readonly [string, ...string[]] {
  const system = firstExecutable(systemServers);
  if (system !== undefined) return [system];
  return [process.execPath, '--max-semi-space-size=1', fileURLToPath(new URL('./main.js', import.meta.url))];
}
