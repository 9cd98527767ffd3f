import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';

/** OpenSSH's own reverse chain, up and running. */
export interface OpenSshChain {
  /** Options of ssh, scp and sftp that make them reach the host through the jump. */
  readonly options: readonly string[];
  readonly host: string;
  /** The host's sshd, for others that want to end in it. */
  readonly hostSshd: { readonly address: string; readonly authorizedKeys: string };
  /** Kills the `ssh -R` that everything comes through. */
  cut(): void;
  stop(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const CIPHERS = 'aes128-gcm@openssh.com';
const LISTEN_LIMIT_MS = 10_000;
const POLL_MS = 20;
const SSHD_PLACES = ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd', '/sbin/sshd'];
/** Where sshd, run by root, insists on an empty folder. */
const PRIVILEGE_SEPARATION_DIR = '/run/sshd';

/**
 * What people use instead of Drawbridge: a jump server, a host whose own ssh keeps a port open there (`ssh -R`), and
 * the operator's `ssh -J`. Two sshd processes with configurations of their own, the same cipher as ours, nothing
 * recorded.
 */
export async function startOpenSshChain(dir: string): Promise<OpenSshChain> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const hostKey = makeKey(join(dir, 'host_key'));
  const userKey = makeKey(join(dir, 'user_key'));
  const jumpPort = await freePort();
  const hostPort = await freePort();
  const reversePort = await freePort();
  const children: ChildProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  };
  try {
    for (const [name, port] of [
      ['jump', jumpPort],
      ['host', hostPort],
    ] as const) {
      const config = join(dir, `${name}_sshd_config`);
      await writeFile(config, sshdConfig(port, hostKey, `${userKey}.pub`, join(dir, `${name}.pid`)));
      children.push(await startSshd(config));
      await listening(port);
    }
    const common = [
      `Host jump\n  HostName ${LOOPBACK}\n  Port ${jumpPort}`,
      `Host target\n  HostName ${LOOPBACK}\n  Port ${reversePort}\n  ProxyJump jump`,
      `Host *\n  User ${userInfo().username}\n  IdentityFile ${userKey}\n  IdentitiesOnly yes\n  IdentityAgent none`,
      `  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  Ciphers ${CIPHERS}\n`,
    ];
    const sshConfig = join(dir, 'ssh_config');
    await writeFile(sshConfig, common.join('\n'));
    const forward = `${LOOPBACK}:${reversePort}:${LOOPBACK}:${hostPort}`;
    const args = ['-F', sshConfig, '-N', '-o', 'ExitOnForwardFailure=yes', '-R', forward, 'jump'];
    const tunnel = spawn('ssh', args, { stdio: 'ignore' });
    children.unshift(tunnel);
    const cut = (): void => void tunnel.kill('SIGKILL');
    await listening(reversePort);
    const hostSshd = { address: `${LOOPBACK}:${hostPort}`, authorizedKeys: `${userKey}.pub` };
    return { options: ['-F', sshConfig], host: 'target', hostSshd, cut, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function sshdConfig(port: number, hostKey: string, authorizedKeys: string, pidFile: string): string {
  return [
    `ListenAddress ${LOOPBACK}:${port}`,
    `HostKey ${hostKey}`,
    `AuthorizedKeysFile ${authorizedKeys}`,
    `PidFile ${pidFile}`,
    'MaxStartups 200',
    'MaxSessions 200',
    'Subsystem sftp internal-sftp',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin prohibit-password',
    'LogLevel QUIET',
    '',
  ].join('\n');
}

async function startSshd(config: string): Promise<ChildProcess> {
  const program = SSHD_PLACES.find(existsSync);
  if (program === undefined) throw new Error('There is no sshd here: install openssh-server.');
  if (process.getuid?.() === 0) await mkdir(PRIVILEGE_SEPARATION_DIR, { recursive: true, mode: 0o755 });
  return spawn(program, ['-D', '-e', '-f', config], { stdio: ['ignore', 'ignore', 'inherit'] });
}

function makeKey(path: string): string {
  const made = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
  if (made.status !== 0) throw new Error(`ssh-keygen failed: ${made.stderr}`);
  return path;
}

async function listening(port: number): Promise<void> {
  const deadline = Date.now() + LISTEN_LIMIT_MS;
  while (Date.now() < deadline) {
    const socket = connect(port, LOOPBACK);
    const up = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (up) return;
    await delay(POLL_MS);
  }
  throw new Error(`nothing listens on port ${port}`);
}
