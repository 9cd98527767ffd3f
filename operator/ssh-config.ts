import { DrawbridgeError } from '../shared/errors.ts';
import type { OperatorHome } from './home.ts';
import type { Login } from './login-file.ts';

/** Host alias of the proxy's SSH server in the generated configuration. */
export const JUMP_ALIAS = 'drawbridge-jump';

/** AES-GCM first, since ciphers without hardware support cost a third of the speed; all others stay allowed. */
const CIPHERS = '^aes128-gcm@openssh.com,aes256-gcm@openssh.com';

/** What {@link renderSshConfig} needs. */
export interface SshConfigInput {
  readonly login: Login;
  readonly home: OperatorHome;
  /** Program and first arguments of this command, as a ProxyCommand has to start it. */
  readonly command: readonly string[];
  /** UNIX account on the hosts, when one is to be the default. */
  readonly user?: string;
}

/**
 * An ssh configuration that reaches `HOST.BASTION` by ProxyJump and `HOST.BASTION.wss` by the ProxyCommand over HTTPS,
 * without a prompt, with pinned host keys. Fit for `ssh -F` and for `Include`.
 */
export function renderSshConfig(input: SshConfigInput): string {
  const { login, home } = input;
  const identity = [
    // With the public half alone, ssh asks the agent for the key.
    ...(login.key.inAgent === true
      ? [`  IdentityFile ${sshPath(`${home.keyPath}.pub`)}`, '  IdentitiesOnly yes']
      : [`  IdentityFile ${sshPath(home.keyPath)}`, '  IdentitiesOnly yes', '  IdentityAgent none']),
    '  PreferredAuthentications publickey',
    `  UserKnownHostsFile ${sshPath(home.knownHostsPath)}`,
    '  GlobalKnownHostsFile /dev/null',
    '  StrictHostKeyChecking yes',
    '  UpdateHostKeys no',
    `  Ciphers ${CIPHERS}`,
  ];
  const user = input.user === undefined ? [] : [`  User ${quoteValue(input.user)}`];
  const connect = [...input.command, 'connect', '--home', home.dir].map(shellWord).join(' ');
  const jump = [
    `Host ${JUMP_ALIAS}`,
    `  HostName ${login.proxy.ssh.host}`,
    `  Port ${login.proxy.ssh.port}`,
    `  User ${quoteValue(login.operator.username)}`,
    ...identity,
  ];
  const hops = login.bastions.flatMap(({ name }) => [
    '',
    `Host *.${name}`,
    `  ProxyJump ${JUMP_ALIAS}`,
    ...user,
    ...identity,
    '',
    `Host *.${name}.wss`,
    `  ProxyCommand ${connect.replaceAll('%', '%%')} %h`,
    ...user,
    ...identity,
  ]);
  return `${['# Written by `drawbridge login`; each login writes it anew.', ...jump, ...hops].join('\n')}\n`;
}

/** The pinned host keys of the proxy and the bastions, as an OpenSSH known_hosts file. */
export function renderKnownHosts(login: Login): string {
  const { host, port, hostKey } = login.proxy.ssh;
  const lines = [
    `${port === 22 ? host : `[${host}]:${port}`} ${keyOf(hostKey)}`,
    ...login.bastions.map((bastion) => `*.${bastion.name},*.${bastion.name}.wss ${keyOf(bastion.hostKey)}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Type and key of a public line: the comment is the peer's to choose and has no place here. */
function keyOf(publicLine: string): string {
  const [type = '', blob = ''] = publicLine.trim().split(/\s+/);
  if (/^[a-z0-9@.-]+$/.test(type) && /^[A-Za-z0-9+/=]+$/.test(blob)) return `${type} ${blob}`;
  throw new DrawbridgeError('login.unexpected', 'The proxy named a host key that is no OpenSSH public key.');
}

/** A path for ssh_config: `%` starts a token there, a quote would end the value. */
function sshPath(path: string): string {
  return quoteValue(path).replaceAll('%', '%%');
}

function quoteValue(value: string): string {
  if (/["\n\r]/.test(value)) {
    throw new DrawbridgeError(
      'home.unusable',
      `An ssh configuration can't hold the name ${JSON.stringify(value)}.`,
      {
        hint: 'Use a folder without quotes and line breaks in its name: --home DIR.',
      },
    );
  }
  return /[\s#\\']/.test(value) ? `"${value.replaceAll('\\', '\\\\')}"` : value;
}

function shellWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
