import { z } from 'zod';
import { ControlClient } from '../../shared/control/client.ts';
import { type Cli, examples, type RegisterVerb, wholeNumber } from '../cli.ts';
import { callRole, type SessionSummary, sessionSummary } from '../control.ts';
import { formatBytes, formatDuration, formatTime } from '../format.ts';
import { type PlaceOptions, socketPathOf, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';
import { watchLive } from '../watch.ts';

interface ListOptions extends PlaceOptions {
  readonly live?: boolean;
  readonly operator?: string;
  readonly host?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const LIST_LIMIT = 500;
const LIST_DEFAULT = 50;

/** `drawbridge sessions ls|watch|end`. */
export const registerSessions: RegisterVerb = (program, cli) => {
  const sessions = program.command('sessions').description('List, watch or end the sessions of operators.');
  const list = sessions
    .command('ls')
    .description('List sessions, newest first.')
    .option('--live', 'only those that go on now')
    .option('--operator <name>', 'only those of this operator')
    .option('--host <name>', 'only those on this host')
    .option('--limit <number>', 'how many at most', wholeNumber(1, LIST_LIMIT), LIST_DEFAULT)
    .option('--json', 'print them as JSON')
    .action((options: ListOptions) => listSessions(cli, options));
  const watch = sessions
    .command('watch')
    .argument('<id>', 'id of a live session (see `drawbridge sessions ls --live`)')
    .description('Show what the operator sees, as it happens. Ctrl-C stops watching; the session goes on.')
    .action((id: string, options: PlaceOptions) => watchSession(cli, id, options));
  const end = sessions
    .command('end')
    .argument('<id>', 'id of a live session')
    .description('End one session at once; the operator is told why.')
    .option('--message <text>', 'what to tell the operator')
    .action((id: string, options: PlaceOptions & { message?: string }) => endSession(cli, id, options));
  examples(withPlace(list), ['drawbridge sessions ls --live', 'drawbridge sessions ls --host web-1 --json']);
  examples(withPlace(watch), ['drawbridge sessions watch s-3f9k']);
  examples(withPlace(end), ['drawbridge sessions end s-3f9k --message "Please call me before you go on."']);
};

/** How long a session lasted, or has lasted so far. */
function durationOf(session: SessionSummary): string {
  const end = session.endedAt === undefined ? Date.now() : Date.parse(session.endedAt);
  return formatDuration(Math.max(end - Date.parse(session.startedAt), 0));
}

async function listSessions(cli: Cli, options: ListOptions): Promise<void> {
  const query = {
    live: options.live,
    operator: options.operator,
    host: options.host,
    limit: options.limit,
  };
  const sessions = await callRole(cli, options, 'sessions.list', query, z.array(sessionSummary));
  if (options.json === true) {
    cli.terminal.json(sessions);
    return;
  }
  const { styles } = cli.terminal;
  const paintState = (text: string, session: SessionSummary): string => {
    if (session.state === 'live') return styles.good(text);
    return session.state === 'interrupted' ? styles.bad(text) : text;
  };
  writeTable(
    cli.terminal,
    sessions,
    [
      { heading: 'ID', value: (session) => session.id },
      { heading: 'STATE', value: (session) => session.state, paint: paintState },
      { heading: 'STARTED', value: (session) => formatTime(session.startedAt) },
      { heading: 'LASTED', value: durationOf, align: 'right' },
      { heading: 'IN', value: (session) => formatBytes(session.bytesIn), align: 'right' },
      { heading: 'OUT', value: (session) => formatBytes(session.bytesOut), align: 'right' },
      { heading: 'OPERATOR', value: (session) => session.operator },
      { heading: 'WHERE', value: (session) => `${session.login}@${session.host}` },
    ],
    options.live === true ? 'No session is live.' : 'There is no session yet.',
  );
}

async function watchSession(cli: Cli, id: string, options: PlaceOptions): Promise<void> {
  const client = await ControlClient.connect(await socketPathOf(options, cli));
  const interrupted = cli.untilInterrupted();
  interrupted.addEventListener('abort', () => client.close(), { once: true });
  try {
    await watchLive(client.stream('sessions.watch', { id }), cli.terminal);
  } catch (error) {
    if (!interrupted.aborted) throw error;
  } finally {
    client.close();
  }
}

async function endSession(cli: Cli, id: string, options: PlaceOptions & { message?: string }): Promise<void> {
  await callRole(cli, options, 'sessions.end', { id, message: options.message }, z.unknown());
  cli.terminal.line(`Session ${printable(id)} has ended.`);
}
