import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { OperatorHome } from '../../operator/home.ts';
import { readLogin } from '../../operator/login-file.ts';
import { loginEgress } from '../../operator/proxy-api.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { formatDuration } from '../format.ts';
import { type Check, check } from './finding.ts';
import { filePermissions, nodeVersion } from './machine-checks.ts';
import { httpsChecks, sshServer, type WayOptions } from './network-checks.ts';

/** What to look at for an operator who signs in from this machine. @throws `login.none`, `login.unreadable` */
export async function operatorChecks(
  home: OperatorHome,
  env: NodeJS.ProcessEnv,
  way: WayOptions = {},
): Promise<readonly Check[]> {
  const login = await readLogin(home);
  const egress = await loginEgress(home, login, env);
  return [
    nodeVersion(),
    sshClient(),
    check('login', async () => {
      const leftMs = Date.parse(login.key.expiresAt) - Date.now();
      const who = `${login.operator.username} at ${login.proxy.url}`;
      if (leftMs > 0)
        return [{ state: 'ok', text: `Signed in as ${who}, for ${formatDuration(leftMs)} more.` }];
      const hint = `Sign in again with \`drawbridge login ${login.proxy.url}\`.`;
      return [{ state: 'fail', text: `The login of ${who} has expired.`, hint }];
    }),
    filePermissions(home.dir),
    ...httpsChecks(egress, new URL(login.proxy.url), way),
    sshServer("The proxy's SSH server", login.proxy.ssh.host, login.proxy.ssh.port),
  ];
}

function sshClient(): Check {
  return check('ssh client', async (signal) => {
    const child = spawn('ssh', ['-V'], { stdio: ['ignore', 'ignore', 'pipe'], signal });
    let version = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      version += text;
    });
    try {
      await once(child, 'close');
    } catch (cause) {
      throw new DrawbridgeError('ssh.missing', 'There is no ssh client on this machine.', {
        hint: 'Install the OpenSSH client (on Debian and Ubuntu: apt install openssh-client).',
        cause,
      });
    }
    return [{ state: 'ok', text: `${version.trim()}.` }];
  });
}
