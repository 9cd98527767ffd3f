import type { AuditEvent, AuditQuery } from '../../shared/audit/event.ts';
import type { AuditReader } from '../../shared/audit/reader.ts';
import { type Cli, examples, type RegisterVerb, wholeNumber } from '../cli.ts';
import { evidencePlace, withAuditLog } from '../evidence.ts';
import { formatTime } from '../format.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';
import { moment, registerExport } from './audit-export.ts';
import { registerKeys } from './audit-keys.ts';
import { registerVerify } from './audit-verify.ts';

interface ListOptions extends PlaceOptions {
  readonly after?: number;
  readonly type?: string;
  readonly session?: string;
  readonly operator?: string;
  readonly host?: string;
  readonly since?: string;
  readonly until?: string;
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
    .option('--since <time>', 'only events from then on, such as 2030-05-01 or 2030-05-01T12:00:00Z', moment)
    .option('--until <time>', 'only events until then', moment)
    .option('--json', 'print them as JSON')
    .action((options: ListOptions) => listEvents(cli, options));
  registerVerify(audit, cli);
  registerExport(audit, cli);
  registerKeys(audit, cli);
  examples(withPlace(list), [
    'drawbridge audit ls',
    'drawbridge audit ls --type operator.refused --limit 10',
    'drawbridge audit ls --since 2030-05-01 --until 2030-05-02 --host web-1',
    'drawbridge audit ls --config proxy.yaml --json',
  ]);
};

async function listEvents(cli: Cli, options: ListOptions): Promise<void> {
  const place = await evidencePlace(options, cli);
  const { after, type, session, operator, host, since, until, limit } = options;
  const query: AuditQuery = {
    limit,
    newestFirst: after === undefined,
    ...(after === undefined ? {} : { after }),
    ...(type === undefined ? {} : { type }),
    ...(session === undefined ? {} : { session }),
    ...(operator === undefined ? {} : { operator }),
    ...(host === undefined ? {} : { host }),
    ...(since === undefined ? {} : { from: since }),
    ...(until === undefined ? {} : { to: until }),
  };
  const found = await withAuditLog(place, (log) => findEvents(log, query));
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

/** All that match, up to the limit: one search looks at a stretch of the log only. */
async function findEvents(log: AuditReader, query: AuditQuery): Promise<readonly AuditEvent[]> {
  if (query.from === undefined && query.to === undefined) return log.query(query);
  const found: AuditEvent[] = [];
  let next = query;
  for (;;) {
    const { events, searchedTo } = await log.search('', { ...next, limit: query.limit - found.length });
    found.push(...events);
    if (searchedTo === undefined || found.length >= query.limit) return found;
    next = { ...query, ...(query.newestFirst === true ? { before: searchedTo } : { after: searchedTo }) };
  }
}

function detailsOf(event: AuditEvent): string {
  return Object.entries(event)
    .filter(([name, value]) => !SHOWN_ELSEWHERE.has(name) && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
