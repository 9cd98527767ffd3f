import { z } from 'zod';
import { ControlClient } from '../../shared/control/client.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
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

interface EndOptions extends PlaceOptions {
  readonly operator?: string;
  readonly all?: boolean;
  readonly message?: string;
}

const LIST_LIMIT = 500;
/** A session in which nothing has moved for so long is shown as idle. */
const IDLE_FROM_MS = 60_000;
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
    .argument('[id]', 'id of a live session')
    .option('--operator <name>', 'end all sessions of this operator')
    .option('--all', 'end all sessions')
    .description('End a session at once, or all of an operator; the operator is told why.')
    .option('--message <text>', 'what to tell the operator')
    .action((id: string | undefined, options: EndOptions) => endSessions(cli, id, options));
  examples(withPlace(list), ['drawbridge sessions ls --live', 'drawbridge sessions ls --host web-1 --json']);
  examples(withPlace(watch), ['drawbridge sessions watch s-3f9k']);
  examples(withPlace(end), [
    'drawbridge sessions end s-3f9k --message "Please call me before you go on."',
    'drawbridge sessions end --operator alice',
  ]);
};

/** How long a session lasted, or has lasted so far. */
function durationOf(session: SessionSummary): string {
  const end = session.endedAt === undefined ? Date.now() : Date.parse(session.endedAt);
  return formatDuration(Math.max(end - Date.parse(session.startedAt), 0));
}

/** For how long nothing has moved in a live session; nothing for one that is busy. */
function idleOf(session: SessionSummary): string {
  if (session.state !== 'live' || session.movedAt === undefined) return '';
  const idleMs = Date.now() - Date.parse(session.movedAt);
  return idleMs < IDLE_FROM_MS ? 'busy' : formatDuration(idleMs);
}

/** How much is left of the approval that a live session goes on by. */
function grantLeftOf(session: SessionSummary): string {
  if (session.state !== 'live' || session.grantedUntil === undefined) return '';
  return formatDuration(Math.max(Date.parse(session.grantedUntil) - Date.now(), 0));
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
      { heading: 'FROM', value: (session) => session.source ?? '' },
      { heading: 'WHERE', value: (session) => `${session.login}@${session.host}` },
      { heading: 'IDLE', value: idleOf, align: 'right' },
      { heading: 'GRANT', value: grantLeftOf, align: 'right' },
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

async function endSessions(cli: Cli, id: string | undefined, options: EndOptions): Promise<void> {
  const { operator, all, message } = options;
  const given = [id, operator, all === true ? 'all' : undefined].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw new DrawbridgeError('usage.sessions', 'Name one session, or --operator, or --all.', {
      hint: 'See which are live with drawbridge sessions ls --live.',
    });
  }
  if (id !== undefined) {
    await callRole(cli, options, 'sessions.end', { id, message }, z.unknown());
    cli.terminal.line(`Session ${printable(id)} has ended.`);
    return;
  }
  const answer = z.looseObject({ ended: z.number() });
  const { ended } = await callRole(cli, options, 'sessions.end_all', { operator, message }, answer);
  cli.terminal.line(ended === 1 ? '1 session has ended.' : `${ended} sessions have ended.`);
}
