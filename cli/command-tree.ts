import type { Command, Option } from 'commander';

/** An option as documents and shells need it. */
export interface OptionShape {
  /** `-h`, if it has a short form. */
  readonly short?: string;
  /** `--help` */
  readonly long: string;
  readonly summary: string;
  /** What its value is called: `file`. Without it, the option takes none. */
  readonly value?: string;
  /** The only values that it takes. */
  readonly choices: readonly string[];
}

/** A command with all that is below it. */
export interface CommandShape {
  /** How it is called, without `drawbridge`: `['proxy', 'user', 'add']`; empty for the command itself. */
  readonly words: readonly string[];
  /** Its first sentence. */
  readonly summary: string;
  readonly options: readonly OptionShape[];
  /** What its arguments are called: `['name', 'file']`. */
  readonly values: readonly string[];
  readonly children: readonly CommandShape[];
}

/** The shape of a commander command, whose verbs have all been loaded. */
export function shapeOf(command: Command, words: readonly string[] = []): CommandShape {
  const help = command.createHelp();
  return {
    words,
    summary: firstSentence(command.description()),
    options: help.visibleOptions(command).map(optionShape),
    values: command.registeredArguments.map((argument) => argument.name()),
    children: help
      .visibleCommands(command)
      .filter((child) => child.name() !== 'help')
      .map((child) => shapeOf(child, [...words, child.name()])),
  };
}

/** A command and everything below it, in the order in which help lists it. */
export function allBelow(shape: CommandShape): readonly CommandShape[] {
  return [shape, ...shape.children.flatMap(allBelow)];
}

function optionShape(option: Option): OptionShape {
  const value = /[<[]([\w-]+)/.exec(option.flags)?.[1];
  return {
    ...(option.short === undefined ? {} : { short: option.short }),
    long: option.long ?? option.flags,
    summary: option.description,
    ...(value === undefined ? {} : { value }),
    choices: option.argChoices ?? [],
  };
}

/** `text` up to the end of its first sentence, on one line. */
export function firstSentence(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return /^.*?\.(?= |$)/.exec(line)?.[0] ?? line;
}
