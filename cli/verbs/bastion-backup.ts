import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Cli, examples } from '../cli.ts';
import { configPathOf, DEFAULT_BASTION_CONFIG } from '../role-config.ts';
import { VERSION } from '../version.ts';

/** `drawbridge bastion backup|restore`. */
export function registerBackup(bastion: Command, cli: Cli): void {
  const backup = bastion
    .command('backup')
    .requiredOption('--out <file>', 'where to write it; readable by you alone, since it holds private keys')
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${DEFAULT_BASTION_CONFIG})`)
    .description('Back up everything of a bastion into one file, also while it runs.')
    .action(async (options: { out: string; config?: string }) => {
      const { makeBackup } = await import('../backup/make-backup.ts');
      const { files, bytes } = await makeBackup({
        configPath: configPathOf(options, cli),
        out: resolve(options.out),
        createdAt: new Date().toISOString(),
        createdBy: `drawbridge ${VERSION}`,
        signal: cli.untilInterrupted(),
      });
      cli.terminal.line(
        `Backed up ${files} files, ${Math.ceil(bytes / 1024 / 1024)} MiB, to ${options.out}.`,
      );
      cli.terminal.note('It holds the private keys of this bastion: keep it as you keep those.');
    });
  examples(backup, ['drawbridge bastion backup --out /backup/acme.tar']);
  const restore = bastion
    .command('restore')
    .argument('<file>', 'a backup')
    .requiredOption('--data <dir>', 'data directory to make; must be empty or not there')
    .description(
      'Make a data directory from a backup, and verify the evidence in it. Remote access is off in it.',
    )
    .action(async (file: string, options: { data: string }) => {
      const { restoreBackup } = await import('../backup/restore-backup.ts');
      const { backup, report } = await restoreBackup({
        path: resolve(file),
        dataDir: options.data,
        signal: cli.untilInterrupted(),
      });
      for (const { text } of report.lines) cli.terminal.line(`OK   ${text}`);
      cli.terminal.line(
        `Restored ${backup.name} as of ${backup.createdAt} to ${options.data}; remote access is off.`,
      );
      cli.terminal.note(
        `The configuration of then is in ${options.data}/config. Name the data directory in yours.`,
      );
      cli.terminal.note('The vendor has seen a longer history: tell them, so that they run');
      cli.terminal.note(`  drawbridge proxy bastion reset-witness ${backup.name} --reason '…'`);
    });
  examples(restore, ['drawbridge bastion restore /backup/acme.tar --data /var/lib/drawbridge']);
}
