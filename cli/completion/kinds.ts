import type { CommandShape, OptionShape } from '../command-tree.ts';

/** What stands in a place, as far as a shell can complete it. */
export type ValueKind = 'file' | 'host' | 'nothing';

/** Names of values that are files or folders, in options and arguments alike. */
const FILES = new Set(['file', 'dir', 'path']);

/** What an option's value is. */
export function kindOfOption(command: CommandShape, option: OptionShape): ValueKind {
  if (command.words[0] === 'exec' && option.long === '--hosts') return 'host';
  return option.value !== undefined && FILES.has(option.value) ? 'file' : 'nothing';
}

/** What a command's arguments are. */
export function kindOfArguments(command: CommandShape): ValueKind {
  if (command.words[0] === 'ssh' || command.words[0] === 'connect') return 'host';
  return command.values.some((name) => FILES.has(name)) ? 'file' : 'nothing';
}

/** A text between single quotes, for bash and zsh. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Long and short form of an option. */
export function namesOf(option: OptionShape): readonly string[] {
  return option.short === undefined ? [option.long] : [option.long, option.short];
}

/** What an option's value can be: its choices with commas between them, or a {@link ValueKind}. */
export function valuesOf(command: CommandShape, option: OptionShape): string {
  return option.choices.length > 0 ? option.choices.join(',') : kindOfOption(command, option);
}
