import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { AuditEvent } from '../../shared/audit/event.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { loadNodeIdentity } from '../../shared/identity/node-identity.ts';
import { type Cli, examples } from '../cli.ts';
import { evidencePlace, withAuditLog } from '../evidence.ts';
import { pipeOut } from '../pipe-out.ts';
import { type PlaceOptions, type RolePlace, withPlace } from '../role-config.ts';
import { namedKeys } from '../verifier-keys.ts';
import { VERSION } from '../version.ts';

interface ExportVerbOptions extends PlaceOptions {
  readonly out?: string;
  readonly since?: string;
  readonly until?: string;
  readonly recordings: boolean;
  readonly json?: boolean;
}

/** Progress is told at most so often. */
const PROGRESS_MS = 1_000;

/** `drawbridge audit export`. */
export function registerExport(audit: Command, cli: Cli): void {
  const exported = audit
    .command('export')
    .description(
      'Write the whole log as JSON lines to standard output; or, with --out, one archive of events, checkpoints and recordings that anybody can verify.',
    )
    .option('--out <file>', 'write an archive (a tar) for `drawbridge audit verify`')
    .option('--since <time>', 'only events from then on, such as 2030-05-01 or 2030-05-01T12:00:00Z', moment)
    .option('--until <time>', 'only events until then, and the checkpoint that seals them', moment)
    .option('--no-recordings', 'leave the recordings out of the archive')
    .option('--json', 'print what is in the archive as JSON')
    .action((options: ExportVerbOptions) => exportLog(cli, options));
  examples(withPlace(exported), [
    'drawbridge audit export > audit.jsonl',
    'drawbridge audit export --out acme-may.tar --since 2030-05-01 --until 2030-06-01',
  ]);
}

/** An option that is a date, or a time with its zone. */
export function moment(text: string): string {
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const ms = isTime ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms))
    throw new InvalidArgumentError('It must be a date, or a time with its zone: 2030-05-01T12:00:00Z.');
  return new Date(ms).toISOString();
}

async function exportLog(cli: Cli, options: ExportVerbOptions): Promise<void> {
  const place = await evidencePlace(options, cli);
  if (options.out !== undefined) return writeArchive(cli, place, options.out, options);
  if (options.since !== undefined || options.until !== undefined) {
    throw new DrawbridgeError('usage.no_out', 'A part of the log is exported as an archive: add --out FILE.');
  }
  await withAuditLog(place, (log) => pipeOut(linesOf(log.all())));
}

async function* linesOf(events: AsyncIterable<AuditEvent>): AsyncIterable<string> {
  for await (const event of events) yield `${JSON.stringify(event)}\n`;
}

async function writeArchive(
  cli: Cli,
  place: RolePlace,
  out: string,
  options: ExportVerbOptions,
): Promise<void> {
  const { exportArchive } = await import('../archive/export-archive.ts');
  const { seal } = await import('../archive/seal.ts');
  const { terminal } = cli;
  const sealed = await seal(place);
  const { id, name, successions } = await loadNodeIdentity(place.dataDir);
  let toldAtMs = performance.now();
  const { since, until } = options;
  const { manifest, end } = await withAuditLog(place, async (log) =>
    exportArchive({
      place,
      log,
      keys: (await namedKeys(place)).map(({ key }) => key),
      identity: { id, name, successions },
      out: resolve(out),
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      sealed,
      recordings: options.recordings && place.role === 'bastion',
      createdAt: new Date().toISOString(),
      createdBy: `drawbridge ${VERSION}`,
      progress: ({ events, recordings, bytes }) => {
        if (performance.now() - toldAtMs < PROGRESS_MS) return;
        toldAtMs = performance.now();
        const count = recordings > 0 ? `${recordings} recordings` : `${events} events`;
        terminal.note(`${count}, ${Math.round(bytes / 1024 / 1024)} MiB …`);
      },
      signal: cli.untilInterrupted(),
    }),
  );
  if (options.json === true) {
    terminal.json({
      ...manifest,
      events: end.events,
      recordings: end.recordings,
      missing: end.missing,
      path: resolve(out),
    });
  } else {
    terminal.line(`Wrote ${end.events} events and ${end.recordings} recordings to ${out}.`);
    terminal.note('Verify it anywhere: drawbridge audit verify FILE --key bastion.pub --witness proxy.pub');
    terminal.note('Print the keys with `drawbridge audit keys`, at the bastion and at the proxy.');
  }
  if (end.missing.length === 0) return;
  throw new DrawbridgeError(
    'export.incomplete',
    `${end.missing.length} recordings that the log names are not there.`,
    {
      hint: 'The archive says so too, and does not verify: see `drawbridge audit verify`.',
    },
  );
}
