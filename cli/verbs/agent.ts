import { join, resolve } from 'node:path';
import { Option } from 'commander';
import { type Cli, examples, label, nameList, type RegisterVerb } from '../cli.ts';
import { hostAndPort } from '../host-and-port.ts';
import { configPathOf } from '../role-config.ts';
import { INSTALL_HELP, installAndTell, registerService, requireInstallable } from '../service/verbs.ts';
import { type StartOptions, startRole, withStartOptions } from '../start-role.ts';
import { registerRotateKey } from './rotate-key.ts';

interface JoinOptions {
  readonly dir: string;
  readonly name?: string;
  readonly label?: Record<string, string>;
  readonly target?: 'builtin' | 'sshd';
  readonly sshd?: { host: string; port: number };
  readonly logins?: string[];
  readonly proxy?: string;
  readonly direct?: string;
  readonly caBundle?: string;
  readonly install?: boolean;
}

const DEFAULT_AGENT_CONFIG = '/etc/drawbridge/agent.yaml';
const DEFAULT_AGENT_DIR = '/etc/drawbridge';

/** `drawbridge agent join|start`. */
export const registerAgent: RegisterVerb = (program, cli) => {
  const agent = program
    .command('agent')
    .description('The agent on a host: it dials out to the bastion; nothing listens on the host.');
  const join = agent
    .command('join')
    .argument('<bastion>', 'address of the bastion, such as https://bastion.acme.example')
    .argument('<token>', 'join token (see `drawbridge token create` or the page)')
    .description('Enrol this host at a bastion and write the agent’s configuration.')
    .option('--dir <dir>', 'folder for configuration and data; made if missing', DEFAULT_AGENT_DIR)
    .option('--name <name>', "name of the host (the machine's own, up to its first dot)")
    .option('--label <name=value>', 'label of the host, for the policy; may be repeated', label)
    .addOption(
      new Option('--target <kind>', 'where sessions end: the agent’s own shell or the host’s sshd').choices([
        'builtin',
        'sshd',
      ]),
    )
    .option('--sshd <host:port>', 'address of the sshd, for --target sshd', hostAndPort)
    .option('--logins <names>', 'UNIX accounts that operators may use, separated by commas', nameList)
    .option('--proxy <url>', 'HTTP proxy for the way out (else the environment’s)')
    .option('--direct <list>', 'hosts that are reached without the HTTP proxy (like no_proxy)')
    .option('--ca-bundle <file>', 'PEM file with further CAs, for networks with TLS inspection')
    .option('--install', INSTALL_HELP)
    .action((bastion: string, token: string, options: JoinOptions) => joinHost(cli, bastion, token, options));
  examples(join, [
    'drawbridge agent join https://bastion.acme.example dbj1.… --name web-1 --label role=web',
    'drawbridge agent join https://bastion.acme.example dbj1.… --target sshd --sshd 127.0.0.1:22',
  ]);
  registerService(agent, cli, 'agent', DEFAULT_AGENT_CONFIG);
  const keys = agent
    .command('authorized-keys')
    .argument(
      '[login]',
      'account that is signed in to; nothing is printed for one that the configuration does not list',
    )
    .description(
      "Print what the host's sshd must accept, for --target sshd: its AuthorizedKeysCommand (docs/host-sshd.md).",
    )
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${DEFAULT_AGENT_CONFIG})`)
    .action((login: string | undefined, options: StartOptions) => printKeys(cli, login, options));
  examples(keys, ['drawbridge agent authorized-keys --config agent.yaml deploy']);
  registerRotateKey(agent, cli, { name: 'agent', defaultConfig: DEFAULT_AGENT_CONFIG });
  const start = agent
    .command('start')
    .description('Run the agent in the foreground until SIGTERM or Ctrl-C.')
    .action((options: StartOptions) => startAgentRole(cli, options));
  examples(withStartOptions(start, DEFAULT_AGENT_CONFIG), ['drawbridge agent start --config agent.yaml']);
};

async function joinHost(cli: Cli, bastion: string, token: string, options: JoinOptions): Promise<void> {
  const { joinBastion } = await import('../../agent/setup/join.ts');
  const willBe = join(resolve(options.dir), 'agent.yaml');
  await requireInstallable(cli, willBe, options, options.target !== 'sshd');
  const egress = {
    ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
    ...(options.direct === undefined ? {} : { noProxy: options.direct }),
    ...(options.caBundle === undefined ? {} : { caBundle: resolve(options.caBundle) }),
  };
  const { configPath } = await joinBastion({
    dir: resolve(options.dir),
    url: bastion,
    token,
    egress,
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.label === undefined ? {} : { labels: options.label }),
    ...(options.target === undefined ? {} : { target: options.target }),
    ...(options.sshd === undefined ? {} : { sshd: options.sshd }),
    ...(options.logins === undefined ? {} : { logins: options.logins }),
  });
  cli.terminal.line(`Joined ${bastion}.`);
  if (options.install === true) await installAndTell(cli, configPath);
  else cli.terminal.note(`Next: drawbridge agent start --config ${configPath}`);
}

async function startAgentRole(cli: Cli, options: StartOptions): Promise<void> {
  const { loadAgentConfig } = await import('../../agent/config.ts');
  const { startAgent } = await import('../../agent/main.ts');
  await startRole(cli, options, {
    role: 'agent',
    defaultConfig: DEFAULT_AGENT_CONFIG,
    load: loadAgentConfig,
    start: startAgent,
  });
}

async function printKeys(cli: Cli, login: string | undefined, options: StartOptions): Promise<void> {
  const { loadAgentConfig } = await import('../../agent/config.ts');
  const { authorizedKeys } = await import('../../agent/setup/authorized-keys.ts');
  const config = await loadAgentConfig(configPathOf(options, cli, DEFAULT_AGENT_CONFIG));
  for (const line of await authorizedKeys(config, login)) cli.terminal.line(line);
}
