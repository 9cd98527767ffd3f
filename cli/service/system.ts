import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';

const OUTPUT_LIMIT_CHARACTERS = 4_096;

/** Runs a program of the system to its end. @throws `service.command_failed` with what it said */
export type RunProgram = (program: string, args: readonly string[]) => Promise<void>;

/** Runs programs for real. */
export const runSystemProgram: RunProgram = async (program, args) => {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < OUTPUT_LIMIT_CHARACTERS) said += text;
  });
  const line = [program, ...args].join(' ');
  let status: number | null;
  try {
    [status] = (await once(child, 'close')) as [number | null];
  } catch (cause) {
    if (systemCodeOf(cause) !== 'ENOENT') throw cause;
    throw new DrawbridgeError('service.command_failed', `There is no ${program} on this machine.`, { cause });
  }
  if (status === 0) return;
  throw new DrawbridgeError(
    'service.command_failed',
    `\`${line}\` failed: ${said.trim().replace(/\.+$/, '') || `status ${status}`}.`,
  );
};

/** Version of this machine's systemd; undefined where there is none. */
export async function readSystemdVersion(): Promise<number | undefined> {
  const version = /^systemd (\d+)/.exec(await outputOf('systemctl', ['--version']))?.[1];
  return version === undefined ? undefined : Number(version);
}

/** What a role that did not start said last, by its journal: without it, only where to look is known. */
export interface LastWords {
  readonly sentence: string;
  readonly hint?: string;
}

/** The last error in the journal of a role's unit; undefined when it holds none, or can't be read. */
export async function readLastWords(unit: string): Promise<LastWords | undefined> {
  const lines = `--lines=${JOURNAL_LINES}`;
  return lastWordsIn(await outputOf('journalctl', ['--unit', unit, lines, '--output=cat', '--no-pager']));
}

/** The last error of this command, and its hint, in what it wrote. */
export function lastWordsIn(text: string): LastWords | undefined {
  const lines = text.split('\n');
  const at = lines.map((line) => line.startsWith(ERROR_MARK)).lastIndexOf(true);
  const sentence = lines[at]?.slice(ERROR_MARK.length);
  if (sentence === undefined) return undefined;
  const hint = lines[at + 1]?.startsWith(HINT_MARK) ? lines[at + 1]?.slice(HINT_MARK.length) : undefined;
  return { sentence, ...(hint === undefined ? {} : { hint }) };
}

/** As `writeError` writes them. */
const ERROR_MARK = 'drawbridge: error: ';
const HINT_MARK = 'drawbridge: hint: ';

/** More than one start writes, so that its error is among them. */
const JOURNAL_LINES = 20;

/** What a program writes to standard output; nothing where it is not there. */
async function outputOf(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < OUTPUT_LIMIT_CHARACTERS) said += text;
  });
  try {
    await once(child, 'close');
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  }
  return said;
}
