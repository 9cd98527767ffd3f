import type { Command } from 'commander';
import { z } from 'zod';
import { type Cli, examples, wholeNumber } from '../cli.ts';
import { callRole, policySummary, policyVersions } from '../control.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';

interface HistoryOptions extends PlaceOptions {
  readonly json?: boolean;
  readonly limit?: number;
  readonly to?: number;
  readonly message?: string;
}

const version = wholeNumber(1, Number.MAX_SAFE_INTEGER);

/** `drawbridge policy history|diff|undo`. */
export function registerPolicyHistory(policy: Command, cli: Cli): void {
  const history = policy
    .command('history')
    .description('List the versions of the policy, newest first.')
    .option('--limit <number>', 'how many', wholeNumber(1, 500), 50)
    .option('--json', 'print them as JSON')
    .action((options: HistoryOptions) => showHistory(cli, options));
  const diff = policy
    .command('diff')
    .argument('<from>', 'number of a version', version)
    .argument('[to]', 'number of another; the one in force when left out', version)
    .description('Show what changed between two versions of the policy, line by line.')
    .option('--json', 'print the lines as JSON')
    .action((from: number, to: number | undefined, options: HistoryOptions) =>
      showDifference(cli, from, to, options),
    );
  const undo = policy
    .command('undo')
    .description('Put the version before the one in force in force again, as a new version.')
    .option('--to <number>', 'another version', version)
    .option('--message <text>', 'why, for the history and the audit log')
    .option('--json', 'print the result as JSON')
    .action((options: HistoryOptions) => undoPolicy(cli, options));
  examples(withPlace(history), ['drawbridge policy history']);
  examples(withPlace(diff), ['drawbridge policy diff 6', 'drawbridge policy diff 4 6']);
  examples(withPlace(undo), ['drawbridge policy undo', 'drawbridge policy undo --to 4']);
}

async function showHistory(cli: Cli, options: HistoryOptions): Promise<void> {
  const params = { limit: options.limit ?? 50 };
  const versions = await callRole(cli, options, 'policy.history', params, policyVersions);
  if (options.json === true) {
    cli.terminal.json(versions);
    return;
  }
  writeTable(
    cli.terminal,
    versions,
    [
      { heading: 'VERSION', value: (row) => String(row.version), align: 'right' },
      { heading: 'APPLIED', value: (row) => formatTime(row.appliedAt) },
      { heading: 'BY', value: (row) => row.appliedBy },
      { heading: 'WHY', value: (row) => row.message ?? '' },
    ],
    'There is no version yet.',
  );
}

async function showDifference(
  cli: Cli,
  from: number,
  to: number | undefined,
  options: HistoryOptions,
): Promise<void> {
  const last = to ?? (await callRole(cli, options, 'policy.show', {}, policySummary)).version;
  const lines = await callRole(cli, options, 'policy.diff', { from, to: last }, z.array(z.string()));
  if (options.json === true) {
    cli.terminal.json(lines);
    return;
  }
  if (lines.length === 0) cli.terminal.note('They are the same.');
  for (const line of lines) cli.terminal.line(printable(line));
}

async function undoPolicy(cli: Cli, options: HistoryOptions): Promise<void> {
  const params = {
    ...(options.to === undefined ? {} : { to: options.to }),
    ...(options.message === undefined ? {} : { message: options.message }),
  };
  const policy = await callRole(cli, options, 'policy.undo', params, policySummary);
  if (options.json === true) cli.terminal.json(policy);
  else cli.terminal.line(`Policy version ${policy.version} is in force: ${printable(policy.message ?? '')}.`);
}
