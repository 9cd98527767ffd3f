import { resolve } from 'node:path';
import { DrawbridgeError } from '../shared/errors.ts';
import type { OperatorHome } from './home.ts';
import type { Login } from './login-file.ts';
import { EXTRA_CA_VARIABLE } from './proxy-api.ts';

/** Host alias of the proxy's SSH server in the generated configuration. */
export const JUMP_ALIAS = 'drawbridge-jump';

/** AES-GCM first, since ciphers without hardware support cost a third of the speed; all others stay allowed. */
const CIPHERS = '^aes128-gcm@openssh.com,aes256-gcm@openssh.com';

/** What {@link renderSshConfig} needs. */
export interface SshConfigInput {
  readonly login: Login;
  readonly home: OperatorHome;
  /** Node.js and this command's entry file, as a ProxyCommand has to start them. */
  readonly command: readonly string[];
  /** UNIX account on the hosts, when one is to be the default. */
  readonly user?: string;
  /** File of authorities that this environment trusts besides the usual ones (`NODE_EXTRA_CA_CERTS`). */
  readonly extraCaPath?: string;
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
  const connect = connectCommand(input).map(shellWord).join(' ');
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

/**
 * Program and arguments of the ProxyCommand. Node.js reads all public authorities and those of `NODE_EXTRA_CA_CERTS` before
 * it trusts a single other one, 65 ms for each call of ssh. A proxy with an authority of its own needs none of them: the
 * command is started without, and told where they are in case that something on the way turns out to inspect TLS: by a whole
 * path, since ssh may be called in any folder, and a file of that name there is not what was trusted.
 */
function connectCommand({ login, home, command, extraCaPath = '' }: SshConfigInput): string[] {
  const args = ['connect', '--home', home.dir];
  const [program = '', ...entry] = command;
  if (!login.proxy.ownCa) return [program, ...entry, ...args];
  const environment = [
    ...(extraCaPath === ''
      ? []
      : ['-u', 'NODE_EXTRA_CA_CERTS', `${EXTRA_CA_VARIABLE}=${resolve(extraCaPath)}`]),
    'SSL_CERT_FILE=/dev/null',
    'SSL_CERT_DIR=/dev/null',
  ];
  return ['env', ...environment, program, '--use-openssl-ca', ...entry, ...args];
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
