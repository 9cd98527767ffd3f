import { allBelow, type CommandShape, type OptionShape } from '../command-tree.ts';
import { kindOfArguments, kindOfOption } from './kinds.ts';

/** A completion script for fish, with what each verb and option does beside it. */
export function fishCompletion(shape: CommandShape): string {
  const commands = allBelow(shape);
  const known = commands.filter(({ words }) => words.length > 0).map(({ words }) => quoted(words.join(' ')));
  return `# fish completion for drawbridge: save it as ~/.config/fish/completions/drawbridge.fish

set -g __drawbridge_verbs ${known.join(' ')}

# True when the words before the cursor lead to just this verb.
function __drawbridge_at
    set -l verb
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and continue
        contains -- (string join ' ' -- $verb $word) $__drawbridge_verbs; and set -a verb $word
    end
    test "$verb" = "$argv[1]"
end

function __drawbridge_hosts
    set -l account (string match -r '^.*@' -- (commandline -ct))
    drawbridge completion hosts 2>/dev/null | string replace -r '^' -- "$account"
end

complete -c drawbridge -f
${commands.flatMap(linesOf).join('\n')}
`;
}

function linesOf(command: CommandShape): readonly string[] {
  const start = `complete -c drawbridge -n ${quoted(`__drawbridge_at "${command.words.join(' ')}"`)}`;
  const verbs = command.children.map(
    (child) => `${start} -a ${quoted(child.words.at(-1) ?? '')} -d ${quoted(child.summary)}`,
  );
  const options = command.options.map(
    (option) => `${start}${flagsOf(option)}${valueFlags(command, option)} -d ${quoted(option.summary)}`,
  );
  const kind = command.children.length > 0 ? 'nothing' : kindOfArguments(command);
  const values = { file: [`${start} -F`], host: [`${start} -a '(__drawbridge_hosts)'`], nothing: [] }[kind];
  return [...verbs, ...options, ...values];
}

function flagsOf(option: OptionShape): string {
  const short = option.short === undefined ? '' : ` -s ${option.short.replace(/^-/, '')}`;
  return `${short} -l ${option.long.replace(/^--/, '')}`;
}

function valueFlags(command: CommandShape, option: OptionShape): string {
  if (option.value === undefined) return '';
  if (option.choices.length > 0) return ` -x -a ${quoted(option.choices.join(' '))}`;
  const kind = kindOfOption(command, option);
  return { file: ' -r -F', host: " -x -a '(__drawbridge_hosts)'", nothing: ' -x' }[kind];
}

/** A text between single quotes, in which fish knows backslashes. */
function quoted(text: string): string {
  return `'${text.replaceAll(/\s+/g, ' ').replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
