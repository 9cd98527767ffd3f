import { isIP } from 'node:net';
import type { AgentConfig } from '../config.ts';
import { loadEnrolment } from './enrolment-file.ts';

/**
 * The lines by which the host's sshd lets the bastion in as `login`, for its `AuthorizedKeysCommand`: the bastion's key,
 * good from this machine alone where the agent reaches sshd on loopback. None for an account that `logins` does not list.
 * @throws `enrolment.missing`, `enrolment.unreadable`
 */
export async function authorizedKeys(
  config: Pick<AgentConfig, 'dataDir' | 'logins' | 'sshd'>,
  login: string | undefined,
): Promise<readonly string[]> {
  const { sshClientKey } = await loadEnrolment(config.dataDir);
  const { logins, sshd } = config;
  if (login !== undefined && logins !== undefined && !logins.includes(login)) return [];
  return [isLoopback(sshd.host) ? `from="127.0.0.1,::1" ${sshClientKey}` : sshClientKey];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
