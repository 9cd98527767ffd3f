import type { Command } from 'commander';
import { z } from 'zod';
import { isDrawbridgeError } from '../shared/errors.ts';
import { type Cli, examples } from './cli.ts';
import { callRole, sessionSummary } from './control.ts';
import { formatTime } from './format.ts';
import { parseRecordingId } from './recorded-commands.ts';
import { type PlaceOptions, withPlace } from './role-config.ts';
import { writeTable } from './table.ts';

interface ReasonOptions extends PlaceOptions {
  readonly reason: string;
}

interface SearchOptions extends PlaceOptions {
  readonly json?: boolean;
}

const holdList = z.array(
  z.looseObject({ session: z.string(), reason: z.string(), placedBy: z.string(), placedAt: z.string() }),
);
const foundList = z.looseObject({
  results: z.array(
    z.looseObject({
      session: sessionSummary,
      hits: z.array(z.looseObject({ channel: z.number(), timeS: z.number(), text: z.string() })),
    }),
  ),
  complete: z.boolean(),
});

/** `recordings search|hold|release|holds|delete`: all through the running bastion, which audits them. */
export function registerKeeping(recordings: Command, cli: Cli): void {
  const search = recordings
    .command('search')
    .argument('<words...>', 'whole words that must all occur')
    .description('Find what was on the screens of sessions. Audited.')
    .option('--json', 'print the result as JSON')
    .action((words: string[], options: SearchOptions) => searchScreens(cli, words.join(' '), options));
  const hold = reasoned(recordings.command('hold').argument('<session>', 'session to keep'))
    .description('Put a session on legal hold: its recordings are not deleted until it is released.')
    .action(async (session: string, options: ReasonOptions) => {
      await callRole(cli, options, 'recordings.hold', { session, reason: options.reason }, z.unknown());
      cli.terminal.note(`The recordings of ${session} are on hold.`);
    });
  const release = reasoned(recordings.command('release').argument('<session>', 'session on hold'))
    .description('Release a session from legal hold.')
    .action(async (session: string, options: ReasonOptions) => {
      await callRole(cli, options, 'recordings.release', { session, reason: options.reason }, z.unknown());
      cli.terminal.note(`The recordings of ${session} are not on hold any more.`);
    });
  const holds = recordings
    .command('holds')
    .description('List the sessions on legal hold.')
    .option('--json', 'print them as JSON')
    .action((options: SearchOptions) => listHolds(cli, options));
  const remove = reasoned(recordings.command('delete').argument('<id>', 'SESSION or SESSION/CHANNEL'))
    .description('Delete recordings for good. The audit log keeps their digests, who deleted them, and why.')
    .action((id: string, options: ReasonOptions) => deleteSome(cli, id, options));
  examples(withPlace(search), ['drawbridge recordings search nginx.conf permission denied']);
  examples(withPlace(hold), ['drawbridge recordings hold s-3f9k --reason "case 4711"']);
  examples(withPlace(release), ['drawbridge recordings release s-3f9k --reason "case 4711 is closed"']);
  examples(withPlace(holds), ['drawbridge recordings holds']);
  examples(withPlace(remove), ['drawbridge recordings delete s-3f9k/2 --reason "showed a patient\'s name"']);
}

/**
 * Enters in the audit log that somebody looks at a recording on this machine. A bastion that does not run can enter
 * nothing: then a note says so.
 */
export async function enterLook(
  cli: Cli,
  options: PlaceOptions,
  recording: { readonly session: string; readonly channel: number },
): Promise<void> {
  try {
    const { session, channel } = recording;
    await callRole(cli, options, 'recordings.open', { session, channel }, z.unknown());
  } catch (error) {
    if (!isDrawbridgeError(error, 'control.not_running')) throw error;
    cli.terminal.note('The bastion does not run, so that this look is not in its audit log.');
  }
}

function reasoned(command: Command): Command {
  return command.requiredOption('--reason <text>', 'why; it goes into the audit log');
}

async function searchScreens(cli: Cli, text: string, options: SearchOptions): Promise<void> {
  const found = await callRole(cli, options, 'recordings.search', { text, limit: 50 }, foundList);
  if (options.json === true) {
    cli.terminal.json(found);
    return;
  }
  const rows = found.results.flatMap(({ session, hits }) =>
    hits.length === 0
      ? [{ session, place: session.id, text: '' }]
      : hits.map((hit) => ({
          session,
          place: `${session.id}/${hit.channel} at ${Math.floor(hit.timeS)} s`,
          text: hit.text.trim(),
        })),
  );
  writeTable(
    cli.terminal,
    rows,
    [
      { heading: 'STARTED', value: ({ session }) => formatTime(session.startedAt) },
      { heading: 'OPERATOR', value: ({ session }) => session.operator },
      { heading: 'WHERE', value: ({ session }) => `${session.login}@${session.host}` },
      { heading: 'RECORDING', value: ({ place }) => place },
      { heading: 'LINE', value: (row) => row.text },
    ],
    'Nothing was found.',
  );
}

async function listHolds(cli: Cli, options: SearchOptions): Promise<void> {
  const holds = await callRole(cli, options, 'recordings.holds', {}, holdList);
  if (options.json === true) {
    cli.terminal.json(holds);
    return;
  }
  writeTable(
    cli.terminal,
    holds,
    [
      { heading: 'SESSION', value: (hold) => hold.session },
      { heading: 'SINCE', value: (hold) => formatTime(hold.placedAt) },
      { heading: 'BY', value: (hold) => hold.placedBy },
      { heading: 'REASON', value: (hold) => hold.reason },
    ],
    'No session is on legal hold.',
  );
}

async function deleteSome(cli: Cli, id: string, options: ReasonOptions): Promise<void> {
  const answer = z.looseObject({ deleted: z.number() });
  const params = { ...parseRecordingId(id), reason: options.reason };
  const { deleted } = await callRole(cli, options, 'recordings.delete', params, answer);
  cli.terminal.note(`${deleted} recording${deleted === 1 ? ' was' : 's were'} deleted.`);
}
