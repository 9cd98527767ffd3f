import type { Command } from 'commander';
import { firstSentence } from '../../cli/command-tree.ts';

/** A manual page in roff: `drawbridge.1` for the command itself, `drawbridge-proxy.1` for a verb with all below it. */
export interface ManPage {
  readonly file: string;
  readonly text: string;
}

/** The manual pages of the command, whose verbs have all been loaded. */
export function manPages(program: Command): readonly ManPage[] {
  const verbs = childrenOf(program);
  return [
    { file: 'drawbridge.1', text: commandPage(program, verbs) },
    ...verbs.map((verb) => ({ file: `drawbridge-${verb.name()}.1`, text: verbPage(verb) })),
  ];
}

function commandPage(program: Command, verbs: readonly Command[]): string {
  return page('drawbridge', firstSentence(program.description()), [
    section('SYNOPSIS', ['.B drawbridge', inline('COMMAND [options]')]),
    section('DESCRIPTION', [
      inline(program.description()),
      'Each command has a manual page, and',
      bold('--help'),
      'behind it says the same.',
    ]),
    section(
      'COMMANDS',
      verbs.flatMap((verb) => tagged(`drawbridge-${verb.name()}(1)`, firstSentence(verb.description()))),
    ),
    section('OPTIONS', optionsOf(program)),
    section('EXIT STATUS', [
      ...tagged('0', 'Done.'),
      ...tagged(
        '1',
        'Refused or failed: the error ends with a code in brackets, by which docs/troubleshooting.md explains it.',
      ),
      ...tagged('2', 'Wrong use.'),
      '.PP',
      inline('ssh and connect pass the status of the session on.'),
    ]),
    section('ENVIRONMENT', [
      ...tagged('DRAWBRIDGE_CONFIG', 'Stands in for --config.'),
      ...tagged('DRAWBRIDGE_SOCKET', 'Stands in for --socket.'),
      ...tagged('DRAWBRIDGE_HOME', "Stands in for --home: where an operator's login is kept."),
      ...tagged('NO_COLOR', 'Switches colours off.'),
    ]),
    section('FILES', [
      ...tagged('/etc/drawbridge/proxy.yaml, bastion.yaml, agent.yaml', 'Configuration of a role.'),
      ...tagged(
        '/etc/drawbridge/data',
        "A role's keys, databases, control socket, and a bastion's evidence.",
      ),
      ...tagged('~/.drawbridge', "An operator's login, and an ssh_config to include."),
    ]),
  ]);
}

function verbPage(verb: Command): string {
  const name = `drawbridge ${verb.name()}`;
  const below = allBelow(verb, name);
  const own = below.length === 0 ? [] : below.map((one) => commandSection(one));
  const leaves = below.filter(({ command }) => childrenOf(command).length === 0);
  const usages = below.length === 0 ? [{ name, command: verb }] : leaves;
  return page(`drawbridge-${verb.name()}`, firstSentence(verb.description()), [
    section(
      'SYNOPSIS',
      usages.flatMap((one, index) => [
        ...(index === 0 ? [] : ['.br']),
        bold(one.name),
        inline(one.command.usage()),
      ]),
    ),
    section('DESCRIPTION', [inline(verb.description())]),
    section('OPTIONS', below.length === 0 ? [...argumentsOf(verb), ...optionsOf(verb)] : []),
    ...(own.length === 0 ? [] : [section('COMMANDS', own.flat())]),
    section('EXAMPLES', below.length === 0 ? examplesOf(verb) : []),
    section('SEE ALSO', ['.BR drawbridge (1)']),
  ]);
}

interface Named {
  readonly name: string;
  readonly command: Command;
}

function commandSection({ name, command }: Named): readonly string[] {
  return [
    `.SS "${roffText(`${name} ${command.usage()}`).replaceAll('"', '\\(dq')}"`,
    inline(command.description()),
    ...argumentsOf(command),
    ...optionsOf(command),
    ...examplesOf(command),
  ];
}

function page(title: string, summary: string, sections: readonly string[]): string {
  return [
    '.\\" Written from the command by `npm run docs`.',
    `.TH "${roffText(title.toUpperCase())}" 1 "" Drawbridge "Drawbridge manual"`,
    section('NAME', [`${roffText(title)} \\- ${roffText(summary.replace(/\.$/, ''))}`]),
    ...sections.filter((text) => text !== ''),
    '',
  ].join('\n');
}

/** Nothing for a section without lines. */
function section(heading: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [`.SH "${heading}"`, ...lines].join('\n');
}

function childrenOf(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help');
}

function allBelow(command: Command, name: string): readonly Named[] {
  return childrenOf(command).flatMap((child) => {
    const own = `${name} ${child.name()}`;
    return [{ name: own, command: child }, ...allBelow(child, own)];
  });
}

function argumentsOf(command: Command): readonly string[] {
  const help = command.createHelp();
  return help
    .visibleArguments(command)
    .flatMap((argument) => tagged(help.argumentTerm(argument), help.argumentDescription(argument)));
}

/** `--help` is said once, on the page of the command itself. */
function optionsOf(command: Command): readonly string[] {
  const help = command.createHelp();
  return help
    .visibleOptions(command)
    .filter((option) => command.parent === null || option.long !== '--help')
    .flatMap((option) => tagged(help.optionTerm(option), help.optionDescription(option)));
}

/** What a command prints behind its help, as it is: its examples, and what else there is to say. */
function examplesOf(command: Command): readonly string[] {
  let whole = '';
  command.configureOutput({
    writeOut: (piece) => {
      whole += piece;
    },
    getOutHasColors: () => false,
  });
  command.outputHelp();
  const behind = whole.slice(command.helpInformation().length).trim();
  if (behind === '') return [];
  return ['.PP', '.nf', ...behind.split('\n').map((line) => roffText(line)), '.fi'];
}

function tagged(term: string, text: string): readonly string[] {
  return ['.TP', bold(term), inline(text)];
}

function bold(text: string): string {
  return `\\fB${roffText(text)}\\fR`;
}

/** Text that roff fills by itself. */
function inline(text: string): string {
  return roffText(text.replaceAll(/\s+/g, ' ').trim());
}

/** What roff would take for an escape, for a request, or for a typographic hyphen. */
function roffText(text: string): string {
  const safe = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('…', '...')
    .replaceAll('’', "'");
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}
