import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { ACME_DIRECTORY_HELP, ACME_HELP, acmeChoice } from '../acme-options.ts';
import { type Cli, examples, portNumber, type RegisterVerb } from '../cli.ts';
import { configPathOf, DEFAULT_BASTION_CONFIG } from '../role-config.ts';
import { INSTALL_HELP, installAndTell, registerService, requireInstallable } from '../service/verbs.ts';
import { type StartOptions, startRole, withStartOptions } from '../start-role.ts';
import { writeFacts } from '../table.ts';
import { registerSetupLink } from './bastion-setup-link.ts';
import { registerLogLevel } from './log-level.ts';
import { registerReload } from './reload.ts';
import { registerBackup } from './role-backup.ts';
import { registerRotateKey } from './rotate-key.ts';

interface InitOptions {
  readonly dir: string;
  readonly name: string;
  readonly host: string;
  readonly httpsPort: number;
  readonly publicHost?: string;
  readonly acme?: string;
  readonly acmeDirectory?: string;
  readonly admin: string;
  readonly install?: boolean;
  readonly json?: boolean;
}

interface JoinOptions {
  readonly config?: string;
  readonly install?: boolean;
}

/** `drawbridge bastion init|join|start`. */
export const registerBastion: RegisterVerb = (program, cli) => {
  const bastion = program
    .command('bastion')
    .description("The customer's authority: it decides, records, and can cut everything.");
  registerInit(bastion, cli);
  registerBackup(bastion, cli, 'bastion');
  registerSetupLink(bastion, cli);
  const join = bastion
    .command('join')
    .argument('<proxy>', "address of the vendor's proxy, such as https://proxy.example.com")
    .argument('<token>', 'join token that the vendor gave you')
    .description("Enrol this bastion at the vendor's proxy. Remote access stays off until you turn it on.")
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${DEFAULT_BASTION_CONFIG})`)
    .option('--install', INSTALL_HELP)
    .action((proxy: string, token: string, options: JoinOptions) => joinVendor(cli, proxy, token, options));
  examples(join, ['drawbridge bastion join https://proxy.example.com dbj1.… --config bastion.yaml']);
  registerService(bastion, cli, 'bastion', DEFAULT_BASTION_CONFIG);
  registerRotateKey(bastion, cli, { name: 'bastion', defaultConfig: DEFAULT_BASTION_CONFIG });
  registerReload(bastion, cli, { name: 'bastion', defaultConfig: DEFAULT_BASTION_CONFIG });
  registerLogLevel(bastion, cli, { name: 'bastion', defaultConfig: DEFAULT_BASTION_CONFIG });
  const start = bastion
    .command('start')
    .description('Run the bastion in the foreground until SIGTERM or Ctrl-C.')
    .action((options: StartOptions) => startBastionRole(cli, options));
  examples(withStartOptions(start, DEFAULT_BASTION_CONFIG), [
    'drawbridge bastion start --config bastion.yaml',
  ]);
};

function registerInit(bastion: Command, cli: Cli): void {
  const init = bastion
    .command('init')
    .description('Write a configuration, keys, a private CA, a first policy and a first administrator.')
    .requiredOption('--dir <dir>', 'folder for configuration and data; made if missing')
    .requiredOption('--name <name>', 'name of this site: hosts will be HOST.NAME for the operators')
    .option('--host <address>', 'address to listen on', '0.0.0.0')
    .option('--https-port <port>', 'port of the page and for the tunnels of agents', portNumber, 443)
    .option('--public-host <name>', 'DNS name or IP address under which agents and browsers reach it')
    .option('--acme <email>', ACME_HELP)
    .option('--acme-directory <url>', ACME_DIRECTORY_HELP)
    .option('--admin <name>', 'user name of the first administrator', 'admin')
    .option('--install', INSTALL_HELP)
    .option('--json', 'print the result as JSON')
    .action((options: InitOptions) => initialise(cli, options));
  examples(init, [
    'drawbridge bastion init --dir /var/lib/drawbridge --name acme --public-host bastion.acme.example',
  ]);
}

async function initialise(cli: Cli, options: InitOptions): Promise<void> {
  await requireInstallable(cli, join(resolve(options.dir), 'bastion.yaml'), options);
  const { initBastion } = await import('../../bastion/setup/init.ts');
  const made = await initBastion({
    dir: resolve(options.dir),
    name: options.name,
    host: options.host,
    httpsPort: options.httpsPort,
    admin: { username: options.admin },
    ...(options.publicHost === undefined ? {} : { publicHost: options.publicHost }),
    ...(options.acme === undefined ? {} : { acme: acmeChoice(options.acme, options.acmeDirectory) }),
  });
  if (options.json === true) {
    cli.terminal.json(made);
    if (options.install === true) await installAndTell(cli, made.configPath);
    return;
  }
  writeFacts(cli.terminal, [
    ['Configuration', made.configPath],
    ['CA', made.ca],
    ['Page', made.publicUrl],
    ['Administrator', made.admin.username],
    ['Set-up link', made.admin.setupUrl],
  ]);
  try {
    if (options.install === true) await installAndTell(cli, made.configPath);
  } finally {
    // Also when it did not start: what is shown above is shown only now, and what it is for has to be known.
    sayWhatIsNext(cli, made.configPath, options.install === true);
  }
}

function sayWhatIsNext({ terminal }: Cli, configPath: string, installed: boolean): void {
  terminal.note('Open the set-up link in a browser within a day, once the bastion runs: there you choose');
  terminal.note('your password and authenticator. It works once and is shown only now. Next:');
  terminal.note(`  drawbridge bastion join https://PROXY TOKEN --config ${configPath}`);
  if (!installed) terminal.note(`  drawbridge bastion start --config ${configPath}`);
}

async function joinVendor(cli: Cli, proxy: string, token: string, options: JoinOptions): Promise<void> {
  const { loadBastionConfig } = await import('../../bastion/config.ts');
  const { joinProxy } = await import('../../bastion/setup/join.ts');
  const configPath = configPathOf(options, cli);
  await requireInstallable(cli, configPath, options);
  await joinProxy({ config: await loadBastionConfig(configPath), url: proxy, token });
  cli.terminal.line(`Joined the proxy at ${proxy}.`);
  const { isInstalled } = await import('../service/install.ts');
  // A service that runs learns of the proxy when it starts, and may read only what is its own.
  if (options.install === true || (await isInstalled('bastion'))) await installAndTell(cli, configPath);
  else cli.terminal.note(`Next: drawbridge bastion start --config ${configPath}`);
  cli.terminal.note(
    'Remote access is off until you turn it on, and nobody may do anything before the policy says so:',
  );
  cli.terminal.note(`  drawbridge policy show --config ${configPath}`);
  cli.terminal.note(`  drawbridge access on --for 2h --config ${configPath}`);
}

async function startBastionRole(cli: Cli, options: StartOptions): Promise<void> {
  const { loadBastionConfig } = await import('../../bastion/config.ts');
  const { startBastion } = await import('../../bastion/main.ts');
  await startRole(cli, options, {
    role: 'bastion',
    defaultConfig: DEFAULT_BASTION_CONFIG,
    load: loadBastionConfig,
    start: startBastion,
  });
}
