import type { AuditEvent } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type Cli, examples, type RegisterVerb, wholeNumber } from '../cli.ts';
import { evidencePlace, withAuditLog } from '../evidence.ts';
import { formatTime } from '../format.ts';
import { pipeOut } from '../pipe-out.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { printable } from '../terminal.ts';

interface ListOptions extends PlaceOptions {
  readonly after?: number;
  readonly type?: string;
  readonly session?: string;
  readonly operator?: string;
  readonly host?: string;
  readonly limit: number;
  readonly json?: boolean;
}

const LIST_LIMIT = 1000;
const LIST_DEFAULT = 50;
/** Fields that have a column of their own, or say nothing to a reader. */
const SHOWN_ELSEWHERE = new Set(['seq', 'id', 'time', 'type', 'actor', 'prev', 'hash']);

/** `drawbridge audit ls|verify|export`. They read the data directory of a bastion or a proxy; neither has to run. */
export const registerAudit: RegisterVerb = (program, cli) => {
  const audit = program.command('audit').description('Read, verify or export the audit log.');
  const list = audit
    .command('ls')
    .description('List the latest events, oldest first.')
    .option('--limit <number>', 'how many at most', wholeNumber(1, LIST_LIMIT), LIST_DEFAULT)
    .option(
      '--after <seq>',
      'the first ones after this number instead',
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    )
    .option('--type <type>', 'only events of this type, such as operator.refused')
    .option('--session <id>', 'only events of this session')
    .option('--operator <name>', 'only events about this operator')
    .option('--host <name>', 'only events about this host')
    .option('--json', 'print them as JSON')
    .action((options: ListOptions) => listEvents(cli, options));
  const verify = audit
    .command('verify')
    .description(
      'Check the chain of events, the signed checkpoints, and each recording against its digest in the log.\nExit code 1 at a fault; the first one is named.',
    )
    .option('--json', 'print the report as JSON')
    .action((options: PlaceOptions & { json?: boolean }) => verifyLog(cli, options));
  const exported = audit
    .command('export')
    .description('Write the whole log as JSON lines to standard output.')
    .action((options: PlaceOptions) => exportLog(cli, options));
  examples(withPlace(list), [
    'drawbridge audit ls',
    'drawbridge audit ls --type operator.refused --limit 10',
    'drawbridge audit ls --config proxy.yaml --json',
  ]);
  examples(withPlace(verify), [
    'drawbridge audit verify',
    'drawbridge audit verify --config bastion.yaml --json',
  ]);
  examples(withPlace(exported), ['drawbridge audit export > audit.jsonl']);
};

async function listEvents(cli: Cli, options: ListOptions): Promise<void> {
  const place = await evidencePlace(options, cli);
  const { after, type, session, operator, host, limit } = options;
  const found = await withAuditLog(place, (log) =>
    log.query({
      limit,
      newestFirst: after === undefined,
      ...(after === undefined ? {} : { after }),
      ...(type === undefined ? {} : { type }),
      ...(session === undefined ? {} : { session }),
      ...(operator === undefined ? {} : { operator }),
      ...(host === undefined ? {} : { host }),
    }),
  );
  const events = after === undefined ? [...found].reverse() : found;
  if (options.json === true) {
    cli.terminal.json(events);
    return;
  }
  const { styles } = cli.terminal;
  writeTable(
    cli.terminal,
    events,
    [
      { heading: 'SEQ', value: (event) => String(event.seq), align: 'right' },
      { heading: 'TIME', value: (event) => formatTime(event.time) },
      {
        heading: 'TYPE',
        value: (event) => event.type,
        paint: (text, event) => (event.type.endsWith('.refused') ? styles.bad(text) : text),
      },
      { heading: 'ACTOR', value: (event) => event.actor },
      { heading: 'DETAILS', value: detailsOf },
    ],
    'No event matches.',
  );
}

function detailsOf(event: AuditEvent): string {
  return Object.entries(event)
    .filter(([name, value]) => !SHOWN_ELSEWHERE.has(name) && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}

async function verifyLog(cli: Cli, options: PlaceOptions & { json?: boolean }): Promise<void> {
  const { verifyEvidence } = await import('../verify-evidence.ts');
  const report = await verifyEvidence(await evidencePlace(options, cli));
  const { terminal } = cli;
  if (options.json === true) terminal.json(report);
  else {
    for (const { ok, text } of report.lines) {
      terminal.line(`${ok ? terminal.styles.good('OK  ') : terminal.styles.bad('FAIL')} ${printable(text)}`);
    }
  }
  if (report.ok) return;
  const { firstFault } = report;
  const where = firstFault?.seq === undefined ? '' : `event ${firstFault.seq}: `;
  throw new DrawbridgeError(
    'audit.fault',
    `The evidence does not verify: ${where}${firstFault?.text ?? 'unknown'}`,
    {
      hint: 'Keep the data directory as it is: it is evidence of the change as well.',
    },
  );
}

async function exportLog(cli: Cli, options: PlaceOptions): Promise<void> {
  await withAuditLog(await evidencePlace(options, cli), (log) => pipeOut(linesOf(log.all())));
}

async function* linesOf(events: AsyncIterable<AuditEvent>): AsyncIterable<string> {
  for await (const event of events) yield `${JSON.stringify(event)}\n`;
}
