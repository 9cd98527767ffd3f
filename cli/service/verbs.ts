import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Cli, examples } from '../cli.ts';
import { configPathOf, type RolePlace, readRolePlace } from '../role-config.ts';
import { unitName } from './unit.ts';

/** Help of `--install`, the same at every verb that has it. */
export const INSTALL_HELP = 'write a hardened systemd unit and start it now and at every boot (as root)';

/** Refuses `--install` before anything is made or spent, where it could not be done. */
export async function requireInstallable(
  cli: Cli,
  configPath: string,
  options: { readonly install?: boolean },
  startsShells = false,
): Promise<void> {
  if (options.install !== true) return;
  const service = await import('./install.ts');
  service.requireInstallable({ configPath, entryPath: cli.entryPath }, startsShells);
}

/** Installs the service of a role that is set up, and says what it did. */
export async function installAndTell(cli: Cli, configPath: string): Promise<void> {
  const { installService } = await import('./install.ts');
  const { unitPath, started } = await installService(configPath, cli.entryPath);
  cli.terminal.note(`Wrote ${unitPath}${started ? ' and started it' : ''}.`);
  if (!started)
    cli.terminal.note('systemd does not run here; the service starts with the next boot under systemd.');
}

/** Adds `install` and `uninstall` to a role's verbs. */
export function registerService(
  parent: Command,
  cli: Cli,
  role: RolePlace['role'],
  defaultConfig: string,
): void {
  registerInstall(parent, cli, role, defaultConfig);
  registerUninstall(parent, cli, role, defaultConfig);
}

function registerInstall(parent: Command, cli: Cli, role: RolePlace['role'], defaultConfig: string): void {
  const install = parent
    .command('install')
    .description(
      `Write the systemd unit of a ${role} that is set up, and start it now and at every boot (as root): what --install does,` +
        ' at any time. Again after an upgrade, it writes the unit of the new version and restarts the role.',
    )
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${defaultConfig})`)
    .action(async (options: { config?: string }) => {
      const configPath = configPathOf(options, cli, defaultConfig);
      await requireInstallable(cli, configPath, { install: true }, role === 'agent');
      const { requireRole } = await import('./install.ts');
      requireRole(await readRolePlace(configPath), role);
      await installAndTell(cli, configPath);
    });
  examples(install, [`drawbridge ${role} install --config ${defaultConfig}`]);
}

function registerUninstall(parent: Command, cli: Cli, role: RolePlace['role'], defaultConfig: string): void {
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
