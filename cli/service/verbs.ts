import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Cli, examples } from '../cli.ts';
import type { RolePlace } from '../role-config.ts';
import { unitName } from './unit.ts';

/** Help of `--install`, the same at every verb that has it. */
export const INSTALL_HELP = 'write a hardened systemd unit and start it now and at every boot (as root)';

/** Installs the service of a role that was just set up, and says what it did. */
export async function installAndTell(cli: Cli, configPath: string): Promise<void> {
  const { installService } = await import('./install.ts');
  const { unitPath, started } = await installService(configPath, cli.entryPath);
  cli.terminal.line(`Wrote ${unitPath}${started ? ' and started it' : ''}.`);
  if (!started)
    cli.terminal.note('systemd does not run here; the service starts with the next boot under systemd.');
}

/** Adds `uninstall` to a role's verbs. */
export function registerUninstall(
  parent: Command,
  cli: Cli,
  role: RolePlace['role'],
  defaultConfig: string,
): void {
  const uninstall = parent
    .command('uninstall')
    .description(
      `Stop the service of the ${role} and take its unit away. Configuration, keys and evidence stay, unless --purge is given.`,
    )
    .option('--purge', 'also remove the config file and everything in the data directory, evidence included')
    .option('--config <file>', `configuration file, for --purge (${defaultConfig})`)
    .action(async (options: { purge?: boolean; config?: string }) => {
      const { uninstallService } = await import('./install.ts');
      const purge = { configPath: resolve(options.config ?? defaultConfig) };
      const { removed } = await uninstallService(role, options.purge === true ? { purge } : {});
      if (removed.length === 0) cli.terminal.line(`There was no ${unitName(role)}.`);
      for (const path of removed) cli.terminal.line(`Removed ${path}.`);
    });
  examples(uninstall, [
    `drawbridge ${role} uninstall`,
    `drawbridge ${role} uninstall --purge --config ${defaultConfig}`,
  ]);
}
