import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Terminal } from './terminal.ts';

/** What the command gives to every verb. */
export interface Cli {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  /** Where this command's own entry file is: what a child process or a ProxyCommand starts. */
  readonly entryPath: string;
  /** Aborted by SIGINT or SIGTERM, once a verb has asked for it with `untilInterrupted`. */
  untilInterrupted(): AbortSignal;
  /** The command with every verb loaded: what shells and documents are told of it. */
  wholeProgram(): Promise<Command>;
  /** The exit code of a verb that stands in for another program. Otherwise: throw to fail, return when done. */
  exitWith(status: number): void;
}

/** A verb's file exports this: it adds its command, options and help to the program. */
export type RegisterVerb = (program: Command, cli: Cli) => void;

/** Adds an `Examples:` section to a command's help. */
export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
}

/** An option's parser for whole numbers from `least` to `most`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** An option's parser for TCP ports. */
export const portNumber = wholeNumber(1, 65_535);

/** An option's parser for `name=value`, repeatable; gathers a record. */
export function label(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must look like name=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** An option's parser that gathers comma-separated names, repeatable. */
export function nameList(text: string, before: readonly string[] = []): string[] {
  const names = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (names.length === 0) throw new InvalidArgumentError('It must name at least one.');
  return [...before, ...names];
}
