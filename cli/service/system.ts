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
    `\`${line}\` failed: ${said.trim() || `status ${status}`}.`,
  );
};

/** Version of this machine's systemd; undefined where there is none. */
export async function readSystemdVersion(): Promise<number | undefined> {
  const child = spawn('systemctl', ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < OUTPUT_LIMIT_CHARACTERS) said += text;
  });
  try {
    await once(child, 'close');
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    return undefined;
  }
  const version = /^systemd (\d+)/.exec(said)?.[1];
  return version === undefined ? undefined : Number(version);
}
