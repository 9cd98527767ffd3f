import type { Command } from 'commander';
import { z } from 'zod';
import { DrawbridgeError } from '../shared/errors.ts';
import { type Cli, examples } from './cli.ts';
import { callRole } from './control.ts';
import { formatOffset } from './format.ts';
import { type PlaceOptions, withPlace } from './role-config.ts';
import { writeTable } from './table.ts';

interface CommandsOptions extends PlaceOptions {
  readonly json?: boolean;
}

const commandList = z.looseObject({
  commands: z.array(z.looseObject({ channel: z.number(), timeS: z.number(), text: z.string() })),
  complete: z.boolean(),
});

const AID = 'Read off the screen: an aid, no evidence. The recording is what counts.';

/** `recordings commands`: through the running bastion, which has the index and audits the look. */
export function registerRecordedCommands(recordings: Command, cli: Cli): void {
  const commands = recordings
    .command('commands')
    .argument('<id>', 'SESSION or SESSION/CHANNEL')
    .description(
      'List the commands typed in a terminal, with times, read off the screen. An aid to find something, no evidence and no boundary: what is not echoed is missing, and a line can be made to look like anything. Audited.',
    )
    .option('--json', 'print them as JSON')
    .action((id: string, options: CommandsOptions) => listCommands(cli, id, options));
  examples(withPlace(commands), [
    'drawbridge recordings commands s-3f9k',
    'drawbridge recordings commands s-3f9k/2 --json',
  ]);
}

async function listCommands(cli: Cli, id: string, options: CommandsOptions): Promise<void> {
  const { session, channel } = parseRecordingId(id);
  const params = { session, ...(channel === undefined ? {} : { channel }) };
  const found = await callRole(cli, options, 'recordings.commands', params, commandList);
  if (options.json === true) {
    cli.terminal.json(found);
    return;
  }
  writeTable(
    cli.terminal,
    found.commands,
    [
      { heading: 'RECORDING', value: (command) => `${session}/${command.channel}` },
      { heading: 'AT', value: (command) => formatOffset(command.timeS), align: 'right' },
      { heading: 'COMMAND', value: (command) => command.text },
    ],
    'No command was seen on the screen.',
  );
  cli.terminal.note(AID);
  if (!found.complete)
    cli.terminal.note('There may be more: a recording has not been read to its end yet, or has too many.');
}

/** @throws `usage.recording` */
export function parseRecordingId(id: string): { readonly session: string; readonly channel?: number } {
  const [, session, channel] = /^([\w-]{1,64})(?:\/(\d{1,7}))?$/.exec(id) ?? [];
  if (session === undefined) {
    throw new DrawbridgeError('usage.recording', 'Name SESSION or SESSION/CHANNEL.', {
      hint: 'See them with `drawbridge recordings ls`.',
    });
  }
  return channel === undefined ? { session } : { session, channel: Number(channel) };
}
