import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { LOG_LEVELS } from '../../shared/log.ts';
import { type Cli, examples } from '../cli.ts';
import { callRole } from '../control.ts';
import { configPathOf, type PlaceOptions } from '../role-config.ts';

const answer = z.looseObject({ level: z.string(), before: z.string() });

interface LevelOptions extends PlaceOptions {
  readonly json?: boolean;
}

/** `drawbridge proxy|bastion log-level`. */
export function registerLogLevel(
  parent: Command,
  cli: Cli,
  role: { readonly name: 'proxy' | 'bastion'; readonly defaultConfig: string },
): void {
  const verb = parent
    .command('log-level')
    .argument('[level]', `one of ${LOG_LEVELS.join(', ')}; without it, the present one is printed`, known)
    .description(
      `Say or change what the running ${role.name} logs, without a restart. It lasts until the next start or reload, which\ntake \`log.level\` of the config file.`,
    )
    .option('--config <file>', `configuration file (env DRAWBRIDGE_CONFIG; ${role.defaultConfig})`)
    .option('--socket <path>', `control socket of the running ${role.name} (env DRAWBRIDGE_SOCKET)`)
    .option('--json', 'print the result as JSON')
    .action(async (level: string | undefined, options: LevelOptions) => {
      const config =
        options.socket === undefined ? configPathOf(options, cli, role.defaultConfig) : undefined;
      const place = { ...options, ...(config === undefined ? {} : { config }) };
      const result = await callRole(cli, place, 'log.level', level === undefined ? {} : { level }, answer);
      if (options.json === true) return cli.terminal.json(result);
      if (level === undefined) return cli.terminal.line(result.level);
      cli.terminal.line(`The ${role.name} logs ${result.level} and worse now; before, ${result.before}.`);
    });
  examples(verb, [`drawbridge ${role.name} log-level debug`, `drawbridge ${role.name} log-level info`]);
}

function known(text: string): string {
  if (LOG_LEVELS.some((level) => level === text)) return text;
  throw new InvalidArgumentError(`It must be one of ${LOG_LEVELS.join(', ')}.`);
}
