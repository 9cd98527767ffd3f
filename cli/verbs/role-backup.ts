import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Cli, examples } from '../cli.ts';
import { DEFAULT_PROXY_CONFIG } from '../proxy-administration.ts';
import { configPathOf, DEFAULT_BASTION_CONFIG } from '../role-config.ts';
import { VERSION } from '../version.ts';

/** The verbs `backup` and `restore` of a bastion or a proxy. */
export function registerBackup(verb: Command, cli: Cli, role: 'bastion' | 'proxy'): void {
  const defaultConfig = role === 'bastion' ? DEFAULT_BASTION_CONFIG : DEFAULT_PROXY_CONFIG;
  const backup = verb
    .command('backup')
    .requiredOption('--out <file>', 'where to write it; readable by you alone, since it holds private keys')
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${defaultConfig})`)
    .description(`Back up everything of a ${role} into one file, also while it runs.`)
    .action(async (options: { out: string; config?: string }) => {
      const { makeBackup } = await import('../backup/make-backup.ts');
      const { files, bytes } = await makeBackup({
        configPath: configPathOf(options, cli, defaultConfig),
        out: resolve(options.out),
        createdAt: new Date().toISOString(),
        createdBy: `drawbridge ${VERSION}`,
        signal: cli.untilInterrupted(),
      });
      cli.terminal.line(
        `Backed up ${files} files, ${Math.ceil(bytes / 1024 / 1024)} MiB, to ${options.out}.`,
      );
      cli.terminal.note(`It holds the private keys of this ${role}: keep it as you keep those.`);
    });
  examples(backup, [`drawbridge ${role} backup --out /backup/${role}.tar`]);
  const restore = verb
    .command('restore')
    .argument('<file>', 'a backup')
    .requiredOption('--data <dir>', 'data directory to make; must be empty or not there')
    .description(
      `Make a data directory from a backup of a ${role}, and verify the evidence in it.${role === 'bastion' ? ' Remote access is off in it.' : ''}`,
    )
    .action(async (file: string, options: { data: string }) => {
      const { restoreBackup } = await import('../backup/restore-backup.ts');
      const { backup, report } = await restoreBackup({
        role,
        path: resolve(file),
        dataDir: options.data,
        signal: cli.untilInterrupted(),
      });
      for (const { text } of report.lines) cli.terminal.line(`OK   ${text}`);
      cli.terminal.line(`Restored ${backup.name} as of ${backup.createdAt} to ${options.data}.`);
      cli.terminal.note(
        `The configuration of then is in ${options.data}/config. Name the data directory in yours.`,
      );
      for (const note of role === 'bastion' ? bastionNotes(backup.name) : PROXY_NOTES)
        cli.terminal.note(note);
    });
  examples(restore, [`drawbridge ${role} restore /backup/${role}.tar --data /var/lib/drawbridge`]);
}

/** What comes back with an old state of a proxy, and nothing but people can put right. */
const PROXY_NOTES = [
  'Accounts, keys and bastions that were taken away after the backup are there again: take them away again before it starts.',
  'Bastions that joined after the backup have to join again.',
];

function bastionNotes(name: string): readonly string[] {
  return [
    'Remote access is off. The vendor has seen a longer history: tell them, so that they run',
    `  drawbridge proxy bastion reset-witness ${name} --reason '…'`,
  ];
}
