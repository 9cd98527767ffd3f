import { isIP } from 'node:net';
import type { AgentConfig } from '../config.ts';
import { loadEnrolment } from './enrolment-file.ts';

const FROM_HERE = 'from="127.0.0.1,::1"';

/**
 * The lines by which the host's sshd lets the bastion in as `login`, for its `AuthorizedKeysCommand`: the bastion's key
 * as an authority, whose certificates name the operator in sshd's log, and the key itself, for a bastion that shows no
 * certificate or a clock that is wrong. Both are good from this machine alone where the agent reaches sshd on loopback.
 * None for an account that `logins` does not list.
 * @throws `enrolment.missing`, `enrolment.unreadable`
 */
export async function authorizedKeys(
  config: Pick<AgentConfig, 'dataDir' | 'logins' | 'sshd'>,
  login: string | undefined,
): Promise<readonly string[]> {
  const { sshClientKey } = await loadEnrolment(config.dataDir);
  const { logins, sshd } = config;
  if (login !== undefined && logins !== undefined && !logins.includes(login)) return [];
  return isLoopback(sshd.host)
    ? [`cert-authority,${FROM_HERE} ${sshClientKey}`, `${FROM_HERE} ${sshClientKey}`]
    : [`cert-authority ${sshClientKey}`, sshClientKey];
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
