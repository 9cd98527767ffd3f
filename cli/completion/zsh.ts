import { allBelow, type CommandShape } from '../command-tree.ts';
import { kindOfArguments, namesOf, singleQuoted, valuesOf } from './kinds.ts';

/** A completion script for zsh, with what each verb and option does beside it. */
export function zshCompletion(shape: CommandShape): string {
  const cases = allBelow(shape).map(caseOf).join('\n');
  return `#compdef drawbridge
# zsh completion for drawbridge: save it as _drawbridge in a folder of your fpath, or source it behind compinit.

_drawbridge() {
  local verb= word before=\${words[CURRENT-1]} values=
  local -a verbs options
  local -A valued
  integer i
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    [[ $word == -* ]] && continue
    _drawbridge_at "$verb"
    (( \${verbs[(I)\${(b)word}:*]} )) && verb="\${verb:+$verb }$word"
  done
  _drawbridge_at "$verb"
  if (( \${+valued[$before]} )); then
    _drawbridge_value "\${valued[$before]}"
  elif [[ \${words[CURRENT]} == -* ]]; then
    _describe -o option options
  elif (( \${#verbs} )); then
    _describe command verbs
  else
    _drawbridge_value "$values"
  fi
}

_drawbridge_value() {
  local -a found
  case $1 in
    file) _files ;;
    host)
      compset -P '*@'
      found=(\${(f)"$(drawbridge completion hosts 2> /dev/null)"})
      compadd -a found ;;
    nothing) ;;
    *) found=(\${(s:,:)1}); compadd -a found ;;
  esac
}

# What there is behind a verb: its verbs, its options, what its arguments are, and what its options' values are.
_drawbridge_at() {
  verbs=() options=() values=nothing valued=()
  case $1 in
${cases}
  esac
}

if [[ $funcstack[1] == _drawbridge ]]; then _drawbridge "$@"; else compdef _drawbridge drawbridge; fi
`;
}

function caseOf(command: CommandShape): string {
  const verbs = command.children.map((child) => described(child.words.at(-1) ?? '', child.summary));
  const options = command.options.flatMap((option) =>
    namesOf(option).map((name) => described(name, option.summary)),
  );
  const valued = command.options
    .filter((option) => option.value !== undefined)
    .flatMap((option) => namesOf(option).map((name) => `${name} ${singleQuoted(valuesOf(command, option))}`));
  return [
    `    ${singleQuoted(command.words.join(' '))})`,
    `      verbs=(${verbs.join(' ')})`,
    `      options=(${options.join(' ')})`,
    `      values=${kindOfArguments(command)}`,
    `      valued=(${valued.join(' ')}) ;;`,
  ].join('\n');
}

function described(name: string, summary: string): string {
  const text = summary.replaceAll(/\s+/g, ' ').replaceAll('\\', '\\\\').replaceAll(':', '\\:');
  return singleQuoted(`${name}:${text}`);
}
