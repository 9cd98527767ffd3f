import type { Command } from 'commander';
import { z } from 'zod';
import { type Cli, examples } from '../cli.ts';
import { callRole } from '../control.ts';
import { configPathOf } from '../role-config.ts';

const answer = z.looseObject({ taken: z.array(z.string()), waiting: z.array(z.string()) });

/** `drawbridge proxy|bastion reload`. */
export function registerReload(
  parent: Command,
  cli: Cli,
  role: { readonly name: 'proxy' | 'bastion'; readonly defaultConfig: string },
): void {
  const reload = parent
    .command('reload')
    .description(
      `Let the running ${role.name} read its config file and its certificate anew, without ending sessions.\nIt says what is in force now, and what counts from the next start.`,
    )
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${role.defaultConfig})`)
    .option('--socket <path>', `control socket of the running ${role.name} (env DRAWBRIDGE_SOCKET)`)
    .option('--json', 'print the result as JSON')
    .action(async (options: { config?: string; socket?: string; json?: boolean }) => {
      const config =
        options.socket === undefined ? configPathOf(options, cli, role.defaultConfig) : undefined;
      const place = { ...options, ...(config === undefined ? {} : { config }) };
      const { taken, waiting } = await callRole(cli, place, 'config.reload', {}, answer);
      if (options.json === true) {
        cli.terminal.json({ taken, waiting });
        return;
      }
      cli.terminal.line(taken.length === 0 ? 'Nothing to take over.' : `In force now: ${taken.join(', ')}.`);
      if (waiting.length > 0) cli.terminal.line(`From the next start on: ${waiting.join(', ')}.`);
    });
  examples(reload, [`drawbridge ${role.name} reload --config ${role.name}.yaml`]);
}
