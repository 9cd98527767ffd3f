import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Fault } from '../../shared/audit/fault-list.ts';
import { parseVerifierKey, type VerifierKey } from '../../shared/audit/verifier-key.ts';
import { DrawbridgeError, messageOf, systemCodeOf } from '../../shared/errors.ts';
import { type Cli, examples } from '../cli.ts';
import { evidencePlace } from '../evidence.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { printable } from '../terminal.ts';

interface VerifyOptions extends PlaceOptions {
  readonly key?: string;
  readonly witness: readonly string[];
  readonly checkpoints: readonly string[];
  readonly json?: boolean;
}

interface Report {
  readonly ok: boolean;
  readonly lines: readonly { readonly ok: boolean; readonly text: string }[];
  readonly firstFault?: Fault;
}

/** `drawbridge audit verify [ARCHIVE]`. */
export function registerVerify(audit: Command, cli: Cli): void {
  const verify = audit
    .command('verify')
    .argument(
      '[archive]',
      'an archive that `audit export --out` made; without it, the evidence on this machine',
    )
    .description(
      'Check the chain of events, the signed checkpoints, and each recording against its digest in the log.\nAn archive is checked anywhere, with nothing but public keys. Exit code 1 at a fault; the first one is named.',
    )
    .option('--key <file>', "the bastion's public key (one line of `audit keys`), for an archive")
    .option(
      '--witness <file>',
      "the proxy's public key as a witness, for an archive; repeatable when it was renewed",
      gathered,
      [] as readonly string[],
    )
    .option(
      '--checkpoints <file>',
      'JSON lines with checkpoints that were kept elsewhere; repeatable',
      gathered,
      [] as readonly string[],
    )
    .option('--json', 'print the report as JSON')
    .action((archive: string | undefined, options: VerifyOptions) => verifyEither(cli, archive, options));
  examples(withPlace(verify), [
    'drawbridge audit verify',
    'drawbridge audit verify --config bastion.yaml --json',
    'drawbridge audit verify acme.tar --key bastion.pub --witness proxy.pub --checkpoints from-proxy.jsonl',
  ]);
}

function gathered(file: string, before: readonly string[]): readonly string[] {
  return [...before, file];
}

async function verifyEither(cli: Cli, archive: string | undefined, options: VerifyOptions): Promise<void> {
  const report =
    archive === undefined ? await verifyHere(cli, options) : await verifyFile(cli, archive, options);
  const { terminal } = cli;
  if (options.json === true) terminal.json(report);
  else {
    for (const { ok, text } of report.lines) {
      terminal.line(`${ok ? terminal.styles.good('OK  ') : terminal.styles.bad('FAIL')} ${printable(text)}`);
    }
  }
  if (report.ok) return;
  const { firstFault } = report;
  const where = [
    ...(firstFault?.seq === undefined ? [] : [`event ${firstFault.seq}`]),
    ...(firstFault?.file === undefined ? [] : [firstFault.file]),
    ...(firstFault?.offset === undefined ? [] : [`byte ${firstFault.offset}`]),
  ].join(', ');
  throw new DrawbridgeError(
    'audit.fault',
    `The evidence does not verify: ${where === '' ? '' : `${printable(where)}: `}${printable(firstFault?.text ?? 'unknown')}`,
    {
      hint:
        archive === undefined
          ? 'Keep the data directory as it is: it is evidence of the change as well.'
          : 'Keep the archive as it is: it is evidence of the change as well.',
    },
  );
}

async function verifyHere(cli: Cli, options: VerifyOptions): Promise<Report> {
  if (options.key !== undefined || options.witness.length > 0) {
    throw new DrawbridgeError('usage.no_archive', 'Keys are for an archive: name its file.', {
      hint: 'Without an archive, the evidence on this machine is checked with the key that lies beside it.',
    });
  }
  const { verifyEvidence } = await import('../verify-evidence.ts');
  const { seal } = await import('../archive/seal.ts');
  const place = await evidencePlace(options, cli);
  // So that the last events are signed too. A log that takes no checkpoint now is verified all the same.
  await seal(place).catch((error: unknown) => {
    cli.terminal.note(`The newest events could not be signed before this check: ${messageOf(error)}`);
  });
  return verifyEvidence(place, await notesIn(options.checkpoints));
}

async function verifyFile(cli: Cli, archive: string, options: VerifyOptions): Promise<Report> {
  const { verifyArchive } = await import('../archive/verify-archive.ts');
  if (options.key === undefined) {
    throw new DrawbridgeError(
      'usage.no_key',
      "An archive is verified with the bastion's public key: --key FILE.",
      {
        hint: 'Whoever runs the bastion prints it with `drawbridge audit keys`; compare its fingerprint by telephone.',
      },
    );
  }
  const key = await keyIn(options.key);
  const witnesses = await Promise.all(options.witness.map(keyIn));
  if (witnesses.some(({ verifies }) => verifies !== 'cosignatures')) {
    throw new DrawbridgeError('audit.bad_key', 'The key for --witness is not that of a witness.', {
      hint: 'At the proxy, `drawbridge audit keys` prints it as the one for counter-signatures.',
    });
  }
  return verifyArchive({
    path: resolve(archive),
    key,
    witnesses,
    checkpoints: await notesIn(options.checkpoints),
    signal: cli.untilInterrupted(),
  });
}

async function keyIn(path: string): Promise<VerifierKey> {
  return parseVerifierKey(await textOf(path));
}

/** Notes in files of JSON lines: with a field `note`, as the proxy and a shipped log give them; other lines are passed. */
async function notesIn(paths: readonly string[]): Promise<string[]> {
  const notes: string[] = [];
  for (const path of paths) {
    for (const [index, line] of (await textOf(path)).split('\n').entries()) {
      if (line.trim() === '') continue;
      const note = noteOf(line);
      if (note === undefined) {
        throw new DrawbridgeError('usage.checkpoints', `Line ${index + 1} of ${path} is not JSON.`);
      }
      if (note !== '') notes.push(note);
    }
  }
  return notes;
}

function noteOf(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const has =
      typeof value === 'object' && value !== null && 'note' in value && typeof value.note === 'string';
    return has ? String(value.note) : '';
  } catch {
    return undefined;
  }
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(resolve(path), 'utf8');
  } catch (error) {
    throw new DrawbridgeError(
      'usage.unreadable',
      `${path} can't be read (${systemCodeOf(error) ?? messageOf(error)}).`,
    );
  }
}
