import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { ACME_DIRECTORY_HELP, ACME_HELP, acmeChoice } from '../acme-options.ts';
import { type Cli, examples, portNumber, type RegisterVerb } from '../cli.ts';
import { DEFAULT_PROXY_CONFIG } from '../proxy-administration.ts';
import { INSTALL_HELP, installAndTell, registerService, requireInstallable } from '../service/verbs.ts';
import { type StartOptions, startRole, withStartOptions } from '../start-role.ts';
import { writeFacts } from '../table.ts';
import { registerLogLevel } from './log-level.ts';
import { registerProxyBastions } from './proxy-bastions.ts';
import { registerProxyDevices } from './proxy-devices.ts';
import { registerProxyUsers } from './proxy-users.ts';
import { registerReload } from './reload.ts';
import { registerBackup } from './role-backup.ts';
import { registerRotateKey } from './rotate-key.ts';

interface InitOptions {
  readonly dir: string;
  readonly name: string;
  readonly host: string;
  readonly httpsPort: number;
  readonly sshPort: number;
  readonly publicHost?: string;
  readonly acme?: string;
  readonly acmeDirectory?: string;
  readonly force?: boolean;
  readonly install?: boolean;
  readonly json?: boolean;
}

/** `drawbridge proxy init|start|backup|restore|user|device|bastion`. */
export const registerProxy: RegisterVerb = (program, cli) => {
  const proxy = program
    .command('proxy')
    .description("The vendor's meeting point: it signs operators in and relays what it can't read.");
  registerInit(proxy, cli);
  registerRotateKey(proxy, cli, { name: 'proxy', defaultConfig: DEFAULT_PROXY_CONFIG });
  registerReload(proxy, cli, { name: 'proxy', defaultConfig: DEFAULT_PROXY_CONFIG });
  registerLogLevel(proxy, cli, { name: 'proxy', defaultConfig: DEFAULT_PROXY_CONFIG });
  const start = proxy
    .command('start')
    .description('Run the proxy in the foreground until SIGTERM or Ctrl-C.')
    .action((options: StartOptions) => startProxyRole(cli, options));
  examples(withStartOptions(start, DEFAULT_PROXY_CONFIG), ['drawbridge proxy start --config proxy.yaml']);
  registerService(proxy, cli, 'proxy', DEFAULT_PROXY_CONFIG);
  registerBackup(proxy, cli, 'proxy');
  registerProxyUsers(proxy, cli);
  registerProxyDevices(proxy, cli);
  registerProxyBastions(proxy, cli);
};

function registerInit(proxy: Command, cli: Cli): void {
  const init = proxy
    .command('init')
    .description('Write a configuration, keys and a private CA for a new proxy.')
    .requiredOption('--dir <dir>', 'folder for configuration and data; made if missing')
    .requiredOption('--name <name>', "the vendor's name, as the customer will see it")
    .option('--host <address>', 'address to listen on', '0.0.0.0')
    .option('--https-port <port>', 'port for HTTPS and tunnels', portNumber, 443)
    .option('--ssh-port <port>', "port of the proxy's SSH server", portNumber, 2222)
    .option('--public-host <name>', 'DNS name or IP address under which others reach it')
    .option('--acme <email>', ACME_HELP)
    .option('--acme-directory <url>', ACME_DIRECTORY_HELP)
    .option('--force', 'write over what an earlier init left')
    .option('--install', INSTALL_HELP)
    .option('--json', 'print the result as JSON')
    .action((options: InitOptions) => initialise(cli, options));
  examples(init, [
    'drawbridge proxy init --dir /var/lib/drawbridge-proxy --name example --public-host proxy.example.com',
  ]);
}

async function initialise(cli: Cli, options: InitOptions): Promise<void> {
  await requireInstallable(cli, join(resolve(options.dir), 'proxy.yaml'), options);
  const { initProxy } = await import('../../proxy/setup/init.ts');
  const made = await initProxy({
    dir: resolve(options.dir),
    name: options.name,
    host: options.host,
    httpsPort: options.httpsPort,
    sshPort: options.sshPort,
    ...(options.publicHost === undefined ? {} : { publicHost: options.publicHost }),
    ...(options.acme === undefined ? {} : { acme: acmeChoice(options.acme, options.acmeDirectory) }),
    ...(options.force === undefined ? {} : { force: options.force }),
  });
  if (options.json === true) {
    cli.terminal.json(made);
    if (options.install === true) await installAndTell(cli, made.configPath);
    return;
  }
  writeFacts(cli.terminal, [
    ['Configuration', made.configPath],
    ['CA', made.ca],
    ['Address', made.publicUrl],
  ]);
  try {
    if (options.install === true) await installAndTell(cli, made.configPath);
  } finally {
    cli.terminal.note('Next:');
    if (options.install !== true) cli.terminal.note(`  drawbridge proxy start --config ${made.configPath}`);
    cli.terminal.note(`  drawbridge proxy user add alice --group support --config ${made.configPath}`);
    cli.terminal.note(`  drawbridge proxy bastion token acme --config ${made.configPath}`);
  }
}

async function startProxyRole(cli: Cli, options: StartOptions): Promise<void> {
  const { loadProxyConfig } = await import('../../proxy/config.ts');
  const { startProxy } = await import('../../proxy/main.ts');
  await startRole(cli, options, {
    role: 'proxy',
    defaultConfig: DEFAULT_PROXY_CONFIG,
    load: loadProxyConfig,
    start: startProxy,
  });
}
