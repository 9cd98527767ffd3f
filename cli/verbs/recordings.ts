import { InvalidArgumentError } from 'commander';
import { castBytes, storedBytes, wholeLinesSize } from '../../recordings/stored-cast.ts';
import { systemClock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import { evidencePlace, findRecording, listRecordings, type StoredRecording } from '../evidence.ts';
import { formatBytes, formatTime } from '../format.ts';
import { pipeOut } from '../pipe-out.ts';
import { enterLook, registerKeeping } from '../recordings-keeping.ts';
import { type PlaceOptions, withPlace } from '../role-config.ts';
import { writeTable } from '../table.ts';

interface ListOptions extends PlaceOptions {
  readonly session?: string;
  readonly json?: boolean;
}

interface PlayOptions extends PlaceOptions {
  readonly speed: number;
  readonly maxIdle: number;
}

const MS_PER_S = 1000;

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
    .argument('<id>', 'SESSION or SESSION/CHANNEL (see `drawbridge recordings ls`)')
    .description('Replay a recording in this terminal. Ctrl-C stops.')
    .option('--speed <factor>', '2 is twice as fast', positive, 1)
    .option('--max-idle <seconds>', 'cut pauses to this length', positive, Number.POSITIVE_INFINITY)
    .action((id: string, options: PlayOptions) => playOne(cli, id, options));
  const exported = recordings
    .command('export')
    .argument('<id>', 'SESSION or SESSION/CHANNEL')
    .description('Write a recording as asciicast v2 to standard output, up to its last whole line.')
    .action((id: string, options: PlaceOptions) => exportOne(cli, id, options));
  const verify = recordings
    .command('verify')
    .argument('[id]', 'SESSION or SESSION/CHANNEL; all recordings if left out')
    .description(
      'Compare recordings with the digests that the audit log has of them. Exit code 1 at a difference.',
    )
    .option('--json', 'print the result as JSON')
    .action((id: string | undefined, options: ListOptions) => verifySome(cli, id, options));
  registerKeeping(recordings, cli);
  examples(withPlace(list), ['drawbridge recordings ls', 'drawbridge recordings ls --json']);
  examples(withPlace(play), ['drawbridge recordings play s-3f9k --speed 4 --max-idle 1']);
  examples(withPlace(exported), [
    'drawbridge recordings export s-3f9k/1 > session.cast && asciinema play session.cast',
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
  return recording.command === undefined ? recording.kind : `${recording.kind}: ${recording.command}`;
}

async function playOne(cli: Cli, id: string, options: PlayOptions): Promise<void> {
  const { playRecording } = await import('../../recordings/play.ts');
  const recording = await findRecording(await evidencePlace(options, cli), id);
  await enterLook(cli, options, recording);
  await playRecording(recording.path, {
    clock: systemClock,
    speed: options.speed,
    maxIdleMs: options.maxIdle * MS_PER_S,
    signal: cli.untilInterrupted(),
    write: (text) => {
      cli.terminal.out.write(text);
    },
  });
}

async function exportOne(cli: Cli, id: string, options: PlaceOptions): Promise<void> {
  const recording = await findRecording(await evidencePlace(options, cli), id);
  await enterLook(cli, options, recording);
  const sizeBytes = await wholeLinesSize(recording.path);
  await pipeOut(castBytes(recording.path, { endBytes: sizeBytes }));
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
