import type { Command } from 'commander';

const HEAD = `# Command reference

\`drawbridge\` is one command with a verb per job. This page is written from it by \`npm run docs\`; \`--help\` behind any verb
says the same.

- Results go to standard output, everything about them to standard error. \`--json\` prints results for programs.
- Exit code: 0 done, 1 refused or failed, 2 wrong use. \`ssh\` and \`connect\` pass the one of the session on.
- An error ends with its code in brackets, such as \`[config.missing]\`: [troubleshooting.md](../troubleshooting.md) has a section
  for each.
- \`DRAWBRIDGE_CONFIG\`, \`DRAWBRIDGE_SOCKET\` and \`DRAWBRIDGE_HOME\` stand in for \`--config\`, \`--socket\` and \`--home\`. \`NO_COLOR\`
  switches colours off.
- \`drawbridge completion bash|zsh|fish\` prints completion for your shell.
`;

/** The reference of the command as Markdown: a contents list, then each command's help as it prints it. */
export function cliReference(program: Command): string {
  const commands = allBelow(program);
  const contents = commands.map(({ name, command }) => {
    const depth = name.split(' ').length - 2;
    const anchor = name.replaceAll(' ', '-');
    return `${'  '.repeat(depth)}- [\`${name}\`](#${anchor}) ${firstLine(command.description())}`;
  });
  const sections = commands.map(
    ({ name, command }) => `## ${name}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``,
  );
  return `${HEAD}\n${contents.join('\n')}\n\n${sections.join('\n\n')}\n`;
}

interface Named {
  readonly name: string;
  readonly command: Command;
}

function allBelow(command: Command, name = 'drawbridge'): readonly Named[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help')
    .flatMap((child) => {
      const own = `${name} ${child.name()}`;
      return [{ name: own, command: child }, ...allBelow(child, own)];
    });
}

function firstLine(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replace(/(?<=\.) [A-Z].*$/, '')
    .replaceAll('<', '&lt;');
}

/** The help with what stands behind it, as `--help` writes it. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
    getOutHelpWidth: () => HELP_WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trim();
}

const HELP_WIDTH = 110;
