import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { DrawbridgeError, systemCodeOf } from '../shared/errors.ts';

/** The files of an operator's login. */
export interface OperatorHome {
  readonly dir: string;
  /** Who is signed in where, and until when. */
  readonly loginPath: string;
  /** The login's private key, in OpenSSH format, 0600. */
  readonly keyPath: string;
  /** Pinned host keys of the proxy and of every bastion. */
  readonly knownHostsPath: string;
  /** Configuration to include in `~/.ssh/config`. */
  readonly sshConfigPath: string;
  /** The CA that the proxy's certificate must come from, when `--ca` was given. */
  readonly caPath: string;
}

/** Where the login is kept: the option, else `DRAWBRIDGE_HOME`, else `~/.drawbridge`. */
export function openHome(option: string | undefined, env: NodeJS.ProcessEnv): OperatorHome {
  const named = option ?? env['DRAWBRIDGE_HOME'];
  const dir = resolve(named === undefined || named === '' ? join(homedir(), '.drawbridge') : named);
  return {
    dir,
    loginPath: join(dir, 'login.json'),
    keyPath: join(dir, 'id_ed25519'),
    knownHostsPath: join(dir, 'known_hosts'),
    sshConfigPath: join(dir, 'ssh_config'),
    caPath: join(dir, 'ca.pem'),
  };
}

/**
 * Makes the home's folder, for its owner only.
 * @throws `home.unwritable`
 */
export async function makeHome(home: OperatorHome): Promise<void> {
  try {
    await mkdir(home.dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new DrawbridgeError(
      'home.unwritable',
      `The folder ${home.dir} can't be made (${systemCodeOf(error) ?? 'unknown'}).`,
      { hint: 'Name another with --home DIR or DRAWBRIDGE_HOME.', cause: error },
    );
  }
}
