import { spawn } from 'node:child_process';
import type { Contender } from './contenders.ts';

/** Runs a command on a contender's host, feeding it `inputBytes` zeros. Throws when it fails. */
export function runOver(contender: Contender, command: string, inputBytes = 0): Promise<void> {
  const ssh = ['ssh', ...contender.options, contender.host, command].map(quoted).join(' ');
  const line = inputBytes === 0 ? `${ssh} </dev/null` : `head -c ${inputBytes} /dev/zero | ${ssh}`;
  return runLine(`${line} >/dev/null`, `${contender.name}: ${command}`);
}

/** Runs a line of the local shell. Throws when it fails, with what it wrote to standard error. */
export async function runLine(line: string, what: string): Promise<void> {
  const child = spawn('/bin/sh', ['-c', line], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (status !== 0) throw new Error(`${what} ended with ${status}: ${errors}`);
}

/** A word that the shell takes as it is. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
