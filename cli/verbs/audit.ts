import type { AuditEvent } from '../../shared/audit/event.ts';
import { type Cli, examples, type RegisterVerb, wholeNumber } from '../cli.ts';
import { evidencePlace, withAuditLog } from '../evidence.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { registerExport } from './audit-export.ts';
import { registerKeys } from './audit-keys.ts';
import { registerVerify } from './audit-verify.ts';

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

/** `drawbridge audit ls|verify|export|keys`. They read the data directory of a bastion or a proxy; neither has to run. */
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
  registerVerify(audit, cli);
  registerExport(audit, cli);
  registerKeys(audit, cli);
  examples(withPlace(list), [
    'drawbridge audit ls',
    'drawbridge audit ls --type operator.refused --limit 10',
    'drawbridge audit ls --config proxy.yaml --json',
  ]);
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
