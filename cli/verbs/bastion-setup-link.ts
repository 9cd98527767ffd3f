import type { Command } from 'commander';
import { z } from 'zod';
import { type Cli, examples } from '../cli.ts';
import { callRole } from '../control.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';

const made = z.looseObject({ username: z.string(), url: z.string(), expiresAtMs: z.number() });

interface SetupLinkOptions extends PlaceOptions {
  readonly json?: boolean;
}

/** `drawbridge bastion setup-link NAME`: the way back in for an administrator who has lost their phone. */
export function registerSetupLink(bastion: Command, cli: Cli): void {
  const command = bastion
    .command('setup-link')
    .argument('<administrator>', 'user name of an administrator of the page')
    .option('--json', 'print it as JSON')
    .description(
      'Make a link, good once, by which an administrator chooses a new password and authenticator.',
    )
    .action((username: string, options: SetupLinkOptions) => makeLink(cli, username, options));
  examples(withPlace(command), ['drawbridge bastion setup-link admin']);
}

async function makeLink(cli: Cli, username: string, options: SetupLinkOptions): Promise<void> {
  const link = await callRole(cli, options, 'admin.setup_link', { username }, made);
  if (options.json === true) {
    cli.terminal.json(link);
    return;
  }
  cli.terminal.line(link.url);
  const until = formatTime(new Date(link.expiresAtMs).toISOString());
  cli.terminal.note(
    `Good once, until ${until}. Whoever opens it first chooses how ${link.username} signs in.`,
  );
}
