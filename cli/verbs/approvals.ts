import { z } from 'zod';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import { callRole } from '../control.ts';
import { formatDuration, formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';

const request = z.looseObject({
  id: z.string(),
  operator: z.string(),
  newcomer: z.boolean().optional(),
  host: z.string(),
  login: z.string(),
  action: z.string(),
  reason: z.string().optional(),
  expiresAt: z.string(),
  approversNeeded: z.number(),
  approvedBy: z.array(z.string()),
});

const grant = z.looseObject({
  id: z.string(),
  operator: z.string(),
  host: z.string(),
  login: z.string(),
  reason: z.string().optional(),
  approvedBy: z.array(z.string()),
  until: z.string(),
});

const approvalList = z.looseObject({ requests: z.array(request), grants: z.array(grant) });

/** `drawbridge approvals ls|grant|refuse|revoke`. */
export const registerApprovals: RegisterVerb = (program, cli) => {
  const approvals = program
    .command('approvals')
    .description('See what operators ask for, grant or refuse it, and take grants back.');
  const list = approvals
    .command('ls')
    .description('List the requests that wait, and the grants in force.')
    .option('--json', 'print them as JSON')
    .action((options: PlaceOptions & { json?: boolean }) => listApprovals(cli, options));
  const give = approvals
    .command('grant')
    .argument('<request>', 'id of a request that waits (see `drawbridge approvals ls`)')
    .option('--for <duration>', 'for how long (30m, 2h); as long as the policy allows when left out')
    .description('Approve a request. The policy may ask for two different people.')
    .action((id: string, options: PlaceOptions & { for?: string }) => grantRequest(cli, id, options));
  const refuse = approvals
    .command('refuse')
    .argument('[request]', 'id of a request that waits')
    .option('--all', 'all that wait')
    .option('--operator <name>', 'all of one operator')
    .option('--newcomers', 'all of operators to whom nothing was ever granted here')
    .option('--message <text>', 'what to tell the operator')
    .description('Refuse a request, or several at once.')
    .action((id: string | undefined, options: RefuseOptions) => refuseRequests(cli, id, options));
  const revoke = approvals
    .command('revoke')
    .argument('<grant>', 'id of a grant in force')
    .option('--message <text>', 'why, for the audit log')
    .description('Take a grant back. The sessions that go on by it end at once.')
    .action(async (id: string, options: PlaceOptions & { message?: string }) => {
      await callRole(cli, options, 'approvals.revoke', { id, message: options.message }, z.unknown());
      cli.terminal.line(`Grant ${printable(id)} is taken back; its sessions have ended.`);
    });
  examples(withPlace(list), ['drawbridge approvals ls', 'drawbridge approvals ls --json']);
  examples(withPlace(give), ['drawbridge approvals grant r-3f9kq2mnop --for 1h']);
  examples(withPlace(refuse), [
    'drawbridge approvals refuse r-3f9kq2mnop --message "Call me first."',
    'drawbridge approvals refuse --newcomers --message "We do not know you."',
  ]);
  examples(withPlace(revoke), ['drawbridge approvals revoke g-3f9kq2mnop --message "the work is done"']);
};

interface RefuseOptions extends PlaceOptions {
  readonly all?: boolean;
  readonly operator?: string;
  readonly newcomers?: boolean;
  readonly message?: string;
}

async function refuseRequests(cli: Cli, id: string | undefined, options: RefuseOptions): Promise<void> {
  const { all, operator, newcomers, message } = options;
  const several = operator !== undefined || newcomers === true;
  if ((id !== undefined ? 1 : 0) + (all === true ? 1 : 0) + (several ? 1 : 0) !== 1) {
    throw new DrawbridgeError('usage.requests', 'Say which requests to refuse.', {
      hint: 'Name one request, or use --all, or --operator and --newcomers, alone or together.',
    });
  }
  if (id !== undefined) {
    await callRole(cli, options, 'approvals.refuse', { id, message }, z.unknown());
    cli.terminal.line(`Request ${printable(id)} is refused.`);
    return;
  }
  const answer = z.looseObject({ refused: z.number() });
  const which = { operator, newcomers, message };
  const { refused } = await callRole(cli, options, 'approvals.refuse_all', which, answer);
  cli.terminal.line(refused === 1 ? '1 request is refused.' : `${refused} requests are refused.`);
}

async function listApprovals(cli: Cli, options: PlaceOptions & { json?: boolean }): Promise<void> {
  const { requests, grants } = await callRole(cli, options, 'approvals.list', {}, approvalList);
  if (options.json === true) {
    cli.terminal.json({ requests, grants });
    return;
  }
  writeTable(
    cli.terminal,
    requests,
    [
      { heading: 'REQUEST', value: (item) => item.id },
      { heading: 'OPERATOR', value: (item) => `${item.operator}${item.newcomer === true ? ' (new)' : ''}` },
      { heading: 'WHERE', value: (item) => `${item.login}@${item.host}` },
      { heading: 'WHAT', value: (item) => item.action },
      { heading: 'APPROVED', value: (item) => `${item.approvedBy.length} of ${item.approversNeeded}` },
      { heading: 'WAITS', value: (item) => leftText(item.expiresAt), align: 'right' },
      { heading: 'REASON', value: (item) => item.reason ?? '' },
    ],
    'No request waits.',
  );
  cli.terminal.line('');
  writeTable(
    cli.terminal,
    grants,
    [
      { heading: 'GRANT', value: (item) => item.id },
      { heading: 'OPERATOR', value: (item) => item.operator },
      { heading: 'WHERE', value: (item) => `${item.login}@${item.host}` },
      { heading: 'LEFT', value: (item) => leftText(item.until), align: 'right' },
      { heading: 'UNTIL', value: (item) => formatTime(item.until) },
      { heading: 'BY', value: (item) => item.approvedBy.join(', ') },
      { heading: 'REASON', value: (item) => item.reason ?? '' },
    ],
    'No grant is in force.',
  );
}

async function grantRequest(cli: Cli, id: string, options: PlaceOptions & { for?: string }): Promise<void> {
  const { parseDurationMs } = await import('../../shared/config/duration.ts');
  const forMs = options.for === undefined ? undefined : parseDurationMs(options.for);
  if (forMs === 0) throw new DrawbridgeError('usage.duration', 'A grant lasts longer than no time at all.');
  const answer = z.looseObject({ grant: grant.optional() });
  const given = await callRole(cli, options, 'approvals.grant', { id, forMs }, answer);
  cli.terminal.line(
    given.grant === undefined
      ? `You have approved ${printable(id)}; another person has to approve it too.`
      : `Granted until ${formatTime(given.grant.until)} (${printable(given.grant.id)}).`,
  );
}

function leftText(until: string): string {
  return formatDuration(Math.max(Date.parse(until) - Date.now(), 0));
}
