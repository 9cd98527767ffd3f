import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { generateAgeKeyPair } from '../../recordings/encryption/age-identity.ts';
import { CAST_SUFFIX } from '../../recordings/format.ts';
import { castBytes, isEncryptedCast, storedBytes, wholeLinesSize } from '../../recordings/stored-cast.ts';
import { systemClock } from '../../shared/clock.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import { evidencePlace, findRecording, listRecordings, type StoredRecording } from '../evidence.ts';
import { formatBytes, formatTime } from '../format.ts';
import { pipeOut } from '../pipe-out.ts';
import { readableRecording } from '../readable-recording.ts';
import { registerRecordedCommands } from '../recorded-commands.ts';
import { enterLook, registerKeeping } from '../recordings-keeping.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';

interface ListOptions extends PlaceOptions {
  readonly session?: string;
  readonly json?: boolean;
}

interface ReadOptions extends PlaceOptions {
  readonly identity?: string;
}

interface PlayOptions extends ReadOptions {
  readonly speed: number;
  readonly maxIdle: number;
}

interface ExportOptions extends ReadOptions {
  readonly encrypted?: boolean;
}

const MS_PER_S = 1000;

const IDENTITY_HELP = 'file with the private key of age, for an encrypted recording';

/**
 * `drawbridge recordings ls|play|export|verify` read the data directory; no bastion has to run. While one does, it
 * enters who plays or exports. What changes or searches goes through the bastion.
 */
export const registerRecordings: RegisterVerb = (program, cli) => {
  const recordings = program
    .command('recordings')
    .description('List, play, export, verify, search, keep or delete recordings.');
  const list = recordings
    .command('ls')
    .description('List recordings, newest first.')
    .option('--session <id>', 'only those of this session')
    .option('--json', 'print them as JSON')
    .action((options: ListOptions) => listAll(cli, options));
  const play = recordings
    .command('play')
    .argument('<id>', 'SESSION or SESSION/CHANNEL (see `drawbridge recordings ls`), or a file')
    .description('Replay a recording in this terminal. Ctrl-C stops.')
    .option('--identity <file>', IDENTITY_HELP)
    .option('--speed <factor>', '2 is twice as fast', positive, 1)
    .option('--max-idle <seconds>', 'cut pauses to this length', positive, Number.POSITIVE_INFINITY)
    .action((id: string, options: PlayOptions) => playOne(cli, id, options));
  const exported = recordings
    .command('export')
    .argument('<id>', 'SESSION or SESSION/CHANNEL, or a file')
    .description('Write a recording as asciicast v2 to standard output, up to its last whole line.')
    .option('--identity <file>', IDENTITY_HELP)
    .option('--encrypted', 'write the age file of an encrypted recording as it is')
    .action((id: string, options: ExportOptions) => exportOne(cli, id, options));
  const verify = recordings
    .command('verify')
    .argument('[id]', 'SESSION or SESSION/CHANNEL; all recordings if left out')
    .description(
      'Compare recordings with the digests that the audit log has of them. Exit code 1 at a difference.',
    )
    .option('--json', 'print the result as JSON')
    .action((id: string | undefined, options: ListOptions) => verifySome(cli, id, options));
  const keygen = recordings
    .command('keygen')
    .description(
      'Make a key pair for encrypted recordings. Do this where they will be read, not on the bastion.',
    )
    .requiredOption('--out <file>', 'file for the private key; it must not exist')
    .action((options: { out: string }) => makeKeyPair(cli, options.out));
  examples(keygen, ['drawbridge recordings keygen --out recordings.key']);
  registerRecordedCommands(recordings, cli);
  registerKeeping(recordings, cli);
  examples(withPlace(list), ['drawbridge recordings ls', 'drawbridge recordings ls --json']);
  examples(withPlace(play), ['drawbridge recordings play s-3f9k --speed 4 --max-idle 1']);
  examples(withPlace(exported), [
    'drawbridge recordings export s-3f9k/1 > session.cast && asciinema play session.cast',
    'drawbridge recordings export s-3f9k-1.cast.age --identity recordings.key > session.cast',
  ]);
  examples(withPlace(verify), ['drawbridge recordings verify', 'drawbridge recordings verify s-3f9k/1']);
};

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

async function listAll(cli: Cli, options: ListOptions): Promise<void> {
  const place = await evidencePlace(options, cli);
  const recordings = (await listRecordings(place)).filter(
    (recording) => options.session === undefined || recording.session === options.session,
  );
  const sized = await Promise.all(
    recordings.map(async (recording) => ({
      ...recording,
      sizeBytes: (await storedBytes(recording.path)) ?? 0,
    })),
  );
  if (options.json === true) {
    cli.terminal.json(sized);
    return;
  }
  writeTable(
    cli.terminal,
    sized,
    [
      { heading: 'ID', value: (recording) => recording.id },
      { heading: 'STARTED', value: (recording) => formatTime(recording.startedAt) },
      { heading: 'SIZE', value: (recording) => formatBytes(recording.sizeBytes), align: 'right' },
      { heading: 'OPERATOR', value: (recording) => recording.operator },
      { heading: 'WHERE', value: (recording) => `${recording.login}@${recording.host}` },
      { heading: 'WHAT', value: whatOf },
    ],
    'There is no recording yet.',
  );
}

function whatOf(recording: StoredRecording): string {
  const what = recording.command === undefined ? recording.kind : `${recording.kind}: ${recording.command}`;
  return recording.encrypted === true ? `${what} (encrypted)` : what;
}

async function playOne(cli: Cli, id: string, options: PlayOptions): Promise<void> {
  const { playRecording } = await import('../../recordings/play.ts');
  const recording = await chosen(cli, id, options);
  const source = await readableRecording(recording.path, options.identity);
  await recording.enter();
  await playRecording(source, {
    clock: systemClock,
    speed: options.speed,
    maxIdleMs: options.maxIdle * MS_PER_S,
    signal: cli.untilInterrupted(),
    write: (text) => {
      cli.terminal.out.write(text);
    },
  });
}

async function exportOne(cli: Cli, id: string, options: ExportOptions): Promise<void> {
  const recording = await chosen(cli, id, options);
  const { path } = recording;
  const source = options.encrypted === true ? path : await readableRecording(path, options.identity);
  await recording.enter();
  const sizeBytes = await wholeLinesSize(source);
  await pipeOut(castBytes(source, { endBytes: sizeBytes }));
}

/** A recording of the bastion here; or a file from there that lies elsewhere, whose reading no bastion can enter. */
async function chosen(cli: Cli, id: string, options: PlaceOptions) {
  const isFile = (id.endsWith(CAST_SUFFIX) || isEncryptedCast(id)) && existsSync(id);
  const found = evidencePlace(options, cli).then((place) => findRecording(place, id));
  const recording = await (isFile ? found.catch(() => undefined) : found);
  if (recording === undefined) return { path: resolve(id), enter: async () => undefined };
  return { path: recording.path, enter: () => enterLook(cli, options, recording) };
}

async function makeKeyPair(cli: Cli, out: string): Promise<void> {
  const { identity, recipient } = await generateAgeKeyPair();
  const created = new Date(systemClock.nowMs()).toISOString();
  try {
    await writeFile(out, `# created: ${created}\n# public key: ${recipient}\n${identity}\n`, {
      flag: 'wx',
      mode: 0o600,
    });
  } catch (error) {
    throw new DrawbridgeError(
      'recording.key_not_written',
      `${out} can not be written (${messageOf(error)}).`,
      {
        hint: 'Name a file that is not there yet: a key that is lost can not be made again.',
        cause: error,
      },
    );
  }
  cli.terminal.line(recipient);
}

async function verifySome(cli: Cli, id: string | undefined, options: ListOptions): Promise<void> {
  const { compareRecordings } = await import('../recording-digests.ts');
  const place = await evidencePlace(options, cli);
  const wanted = id === undefined ? undefined : await findRecording(place, id);
  const compared = await compareRecordings(place, wanted);
  if (options.json === true) cli.terminal.json(compared);
  else {
    const { styles } = cli.terminal;
    writeTable(
      cli.terminal,
      compared,
      [
        {
          heading: 'RESULT',
          value: (recording) => recording.result,
          paint: (text, { result }) =>
            result === 'differs' || result === 'missing' ? styles.bad(text) : styles.good(text),
        },
        { heading: 'ID', value: (recording) => recording.id },
        { heading: 'FILE', value: (recording) => recording.path },
      ],
      'There is no finished recording yet.',
    );
  }
  const fault = compared.find(({ result }) => result === 'differs' || result === 'missing');
  if (fault === undefined) return;
  throw new DrawbridgeError(
    'recording.fault',
    fault.result === 'missing'
      ? `The recording ${fault.id} is in the audit log and its file is missing.`
      : `The recording ${fault.id} is not what the audit log says it was.`,
    { hint: 'Keep the data directory as it is, and see `drawbridge audit verify`.' },
  );
}
