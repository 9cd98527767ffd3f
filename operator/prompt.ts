import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { DrawbridgeError } from '../shared/errors.ts';

/** Where questions are asked. */
export interface PromptTerminal {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?(on: boolean): unknown };
  readonly output: Writable;
}

/** Longer than any password or code that somebody types. */
const ANSWER_LIMIT = 1024;
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const CTRL_U = '\u0015';
const BACKSPACES = ['\u007f', '\b'];

/**
 * Asks on the terminal and shows what is typed.
 * @throws `usage.no_terminal`, `prompt.cancelled`
 */
export async function ask(terminal: PromptTerminal, question: string, howElse: string): Promise<string> {
  requireTerminal(terminal, howElse);
  const lines = createInterface({ input: terminal.input, output: terminal.output });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.question(question, resolve);
      lines.once('close', () => reject(cancelled()));
      lines.once('SIGINT', () => reject(cancelled()));
    });
  } finally {
    lines.close();
  }
}

/**
 * Asks on the terminal and shows nothing of the answer.
 * @throws `usage.no_terminal`, `prompt.cancelled`
 */
export async function askSecret(
  terminal: PromptTerminal,
  question: string,
  howElse: string,
): Promise<string> {
  requireTerminal(terminal, howElse);
  const { input, output } = terminal;
  output.write(question);
  input.setRawMode?.(true);
  input.resume();
  try {
    return await readSecret(input);
  } finally {
    input.setRawMode?.(false);
    input.pause();
    output.write('\n');
  }
}

function readSecret(input: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const finish = (end: () => void): void => {
      input.off('data', take);
      input.off('end', fail);
      end();
    };
    const fail = (): void => finish(() => reject(cancelled()));
    const take = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n') {
          finish(() => resolve(answer));
          return;
        }
        if (character === CTRL_C || (character === CTRL_D && answer === '')) {
          fail();
          return;
        }
        answer = edited(answer, character);
      }
    };
    input.on('data', take);
    input.once('end', fail);
  });
}

function edited(answer: string, character: string): string {
  if (BACKSPACES.includes(character)) return [...answer].slice(0, -1).join('');
  if (character === CTRL_U) return '';
  return character >= ' ' && answer.length < ANSWER_LIMIT ? answer + character : answer;
}

function requireTerminal(terminal: PromptTerminal, howElse: string): void {
  if (terminal.input.isTTY === true) return;
  throw new DrawbridgeError('usage.no_terminal', 'There is no terminal to ask on.', { hint: howElse });
}

function cancelled(): DrawbridgeError {
  return new DrawbridgeError('prompt.cancelled', 'Cancelled.');
}
