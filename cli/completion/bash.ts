import { allBelow, type CommandShape } from '../command-tree.ts';
import { kindOfArguments, namesOf, type ValueKind, valuesOf } from './kinds.ts';

/**
 * A completion script for bash 4 and newer. It walks the words of the line down the tree of verbs, and needs no help of
 * the bash-completion package. Words that hold `@` or `:` arrive in pieces; only the last piece is completed.
 */
export function bashCompletion(shape: CommandShape): string {
  const cases = allBelow(shape).map(caseOf).join('\n');
  return `# bash completion for drawbridge. Load it with: source <(drawbridge completion bash)

_drawbridge() {
  local cur=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} verb= word kind= i
  local verbs= options= values= valued=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -* ]] && continue
    _drawbridge_at "$verb"
    [[ " $verbs " == *" $word "* ]] && verb="\${verb:+$verb }$word"
  done
  _drawbridge_at "$verb"
  if [[ " $valued " == *" $before="* ]]; then
    kind=\${valued##*" $before="}
    kind=\${kind%% *}
    _drawbridge_value "$kind"
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  elif [[ -n $verbs ]]; then
    COMPREPLY=($(compgen -W "$verbs" -- "$cur"))
  else
    _drawbridge_value "$values"
  fi
}

_drawbridge_value() {
  local account=
  case $1 in
    file) compopt -o filenames 2> /dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
    host)
      [[ $cur == *@* ]] && account=\${cur%%@*}@
      COMPREPLY=($(compgen -P "$account" -W "$(drawbridge completion hosts 2> /dev/null)" -- "\${cur#"$account"}")) ;;
    nothing) ;;
    *) COMPREPLY=($(compgen -W "\${1//,/ }" -- "$cur")) ;;
  esac
}

# What there is behind a verb: its verbs, its options, what its arguments are, and what its options' values are.
_drawbridge_at() {
  verbs= options= values=nothing valued=
  case $1 in
${cases}
  esac
}

complete -F _drawbridge drawbridge
`;
}

function caseOf(command: CommandShape): string {
  const verbs = command.children.map((child) => child.words.at(-1) ?? '').join(' ');
  const options = command.options.flatMap(namesOf).join(' ');
  const valued = command.options
    .filter((option) => option.value !== undefined)
    .flatMap((option) => namesOf(option).map((name) => `${name}=${valuesOf(command, option)}`))
    .join(' ');
  const values: ValueKind = kindOfArguments(command);
  const parts = [`verbs='${verbs}'`, `options='${options}'`, `values=${values}`, `valued=' ${valued}'`];
  return `    '${command.words.join(' ')}') ${parts.join(' ')} ;;`;
}
