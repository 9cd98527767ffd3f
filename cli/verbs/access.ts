import type { z } from 'zod';
import { systemClock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Cli, RegisterVerb } from '../cli.ts';
import { examples } from '../cli.ts';
import type { accessStatus } from '../control.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { printable } from '../terminal.ts';

interface AccessOptions extends PlaceOptions {
  readonly for?: string;
  readonly until?: string;
  readonly outsideWindows?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

type AccessStatus = z.infer<typeof accessStatus>;

/** `drawbridge access on|off|status`. */
export const registerAccess: RegisterVerb = (program, cli) => {
  const access = program.command('access').description('Turn remote access on or off, or see how it stands.');
  const on = access
    .command('on')
    .description('Let operators in, as far as the policy allows.')
    .option('--for <duration>', 'turn off again by itself after this time (30m, 2h, 1d)')
    .option(
      '--until <time>',
      "turn off again by itself at this time ('18:00', '2026-03-29 18:00 Europe/Berlin')",
    )
    .option(
      '--outside-windows',
      'let operators in outside of the windows of the policy too; only with an end',
    )
    .option('--reason <text>', 'why, for the audit log')
    .option('--json', 'print the new state as JSON')
    .action((options: AccessOptions) => setAccess(cli, 'on', options));
  const off = access
    .command('off')
    .description('Cut every session at once and let nobody in. It stays off across restarts.')
    .option('--reason <text>', 'why, for the audit log')
    .option('--json', 'print the new state as JSON')
    .action((options: AccessOptions) => setAccess(cli, 'off', options));
  const status = access
    .command('status')
    .description('Say whether remote access is on, since when, by whom and until when.')
    .option('--json', 'print the state as JSON')
    .action((options: AccessOptions) => showAccess(cli, options));
  examples(withPlace(on), [
    'drawbridge access on',
    'drawbridge access on --for 2h --reason "ticket 4711: upgrade of the database"',
    'drawbridge access on --until 18:00',
    'drawbridge access on --for 1h --outside-windows --reason "night call"',
  ]);
  examples(withPlace(off), ['drawbridge access off', 'drawbridge access off --reason "the work is done"']);
  examples(withPlace(status), ['drawbridge access status', 'drawbridge access status --json']);
};

async function setAccess(cli: Cli, state: 'on' | 'off', options: AccessOptions): Promise<void> {
  const { accessStatus, callRole } = await import('../control.ts');
  if (state === 'off') {
    const { turnOff } = await import('./access-off.ts');
    const answer = await turnOff(cli, options);
    if (answer !== undefined) report(cli, answer, options);
    return;
  }
  const { outsideWindows, reason } = options;
  const change = { state, ...(await endOf(options)), outsideWindows, reason };
  report(cli, await callRole(cli, options, 'access.set', change, accessStatus), options);
}

async function showAccess(cli: Cli, options: AccessOptions): Promise<void> {
  const { callRole, roleStatus } = await import('../control.ts');
  const status = await callRole(cli, options, 'status', {}, roleStatus);
  report(cli, status.access, options);
}

async function endOf(options: AccessOptions): Promise<{ forMs?: number; untilMs?: number }> {
  if (options.for !== undefined && options.until !== undefined) {
    throw new DrawbridgeError('usage.until', 'Say for how long or until when, not both.');
  }
  if (options.for !== undefined) {
    const { parseDurationMs } = await import('../../shared/config/duration.ts');
    return { forMs: parseDurationMs(options.for) };
  }
  if (options.until === undefined) return {};
  const { parseOpeningEnd } = await import('../../bastion/gate/opening-end.ts');
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return { untilMs: parseOpeningEnd(options.until, { nowMs: systemClock.nowMs(), zone: timeZone }) };
}

function report(cli: Cli, status: AccessStatus, options: AccessOptions): void {
  const { terminal } = cli;
  if (options.json === true) {
    terminal.json(status);
    return;
  }
  const { styles } = terminal;
  const state = status.state === 'on' ? styles.good('on') : styles.bad('off');
  const since = `since ${formatTime(status.since)}, by ${printable(status.by)}`;
  const until = status.until === undefined ? '' : `, until ${formatTime(status.until)}`;
  const reason = status.reason === undefined ? '' : ` (${printable(status.reason)})`;
  const windows = status.outsideWindows === true ? ', outside of the windows of the policy too' : '';
  terminal.line(`Remote access is ${state} ${since}${until}${windows}${reason}.`);
}
