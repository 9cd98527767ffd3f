import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Cli } from '../../cli/cli.ts';
import { allBelow, type CommandShape, shapeOf } from '../../cli/command-tree.ts';
import { buildWholeProgram } from '../../cli/program.ts';
import { createTerminal } from '../../cli/terminal.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

let shape: CommandShape;
let commands: ReadonlyMap<string, CommandShape>;

beforeAll(async () => {
  const silent = { write: () => undefined };
  const cli: Cli = {
    terminal: createTerminal(silent, silent, {}),
    env: {},
    entryPath: 'drawbridge',
    untilInterrupted: () => new AbortController().signal,
    exitWith: () => undefined,
    wholeProgram: () => buildWholeProgram(cli),
  };
  shape = shapeOf(await cli.wholeProgram());
  commands = new Map(allBelow(shape).map((one) => [one.words.join(' '), one]));
});

/** What stands behind `drawbridge` up to the end of the command, with `a|b` spread out. */
function invocationsIn(text: string): readonly string[] {
  const lines = [...text.matchAll(/(?:^|[`$(\s])drawbridge ([a-z][^\n`#;&)'"’“”]*)/gm)].map(
    ([, rest = '']) => rest,
  );
  return lines.flatMap((line) => {
    const spread = /^(.*?\s|)(\S*\|\S*)(.*)$/.exec(line.split(/\s--(\s|$)/)[0] ?? '');
    if (spread === null) return [line];
    const [, before = '', choice = '', after = ''] = spread;
    return choice.split('|').map((word) => `${before}${word}${after}`);
  });
}

/** Why a line is no command of ours; nothing when it is one. */
function faultOf(line: string): string | undefined {
  const [beforeDashes = ''] = line.split(/\s--(?:\s|$)/);
  const words = beforeDashes.trim().split(/\s+/);
  let command = shape;
  while (words.length > 0) {
    const next = commands.get([...command.words, words[0] ?? ''].join(' '));
    if (next === undefined) break;
    command = next;
    words.shift();
  }
  if (command.words.length === 0) return `there is no verb in \`drawbridge ${line}\``;
  const isGroup = command.children.length > 0 && command.values.length === 0;
  const next = words[0];
  if (isGroup && next !== undefined && /^[a-z][a-z-]+$/.test(next))
    return `\`drawbridge ${line}\`: no ${next} there`;
  if (command.words[0] === 'ssh' || command.words[0] === 'connect') return undefined;
  const known = new Set(['--help', '--version', ...command.options.map((option) => option.long)]);
  const unknown = words
    .filter((word) => word.startsWith('--'))
    .find((word) => !known.has(word.replace(/[=.,:…].*$/, '')));
  return unknown === undefined ? undefined : `\`drawbridge ${line}\`: no option ${unknown}`;
}

/** Words of prose behind the name of the program, as in `the drawbridge command`. */
const PROSE = /^(command|proxy|bastion|agent|\w+)[ ,.]?$/;

function faultsIn(file: string, text: string): readonly string[] {
  return invocationsIn(text)
    .filter((line) => !PROSE.test(line.trim()) || commands.has(line.trim()))
    .flatMap((line) => faultOf(line) ?? [])
    .map((fault) => `${file}: ${fault}`);
}

describe('the commands that are written down', () => {
  it('exist, with their options, in the documents', () => {
    const pages = [
      'README.md',
      ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter(
          (name) => name.endsWith('.md') && !name.startsWith('decisions') && name !== 'reference/cli.md',
        )
        .map((name) => join('docs', name)),
    ];
    const found = pages.map((page) => ({ page, text: readFileSync(join(root, page), 'utf8') }));
    expect(found.flatMap(({ text }) => invocationsIn(text)).length).toBeGreaterThan(200);
    expect(found.flatMap(({ page, text }) => faultsIn(page, text))).toEqual([]);
  });

  it('exist, with their options, in hints and examples', () => {
    const found = ['shared', 'recordings', 'proxy', 'bastion', 'agent', 'operator', 'cli']
      .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
      .filter(
        (entry) =>
          entry.isFile() && entry.name.endsWith('.ts') && !relative(root, entry.parentPath).includes('page'),
      )
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({
        path,
        text: (
          readFileSync(path, 'utf8').match(
            /(['"`])drawbridge [a-z][^\n]*?\1|\\?`drawbridge [a-z][^`\n]*?\\?`/g,
          ) ?? []
        )
          .map((quoted) => quoted.replace(/^\\?['"`]/, '').replaceAll(/\$\{[^}]*\}/g, 'X'))
          .join('\n'),
      }));
    expect(found.flatMap(({ text }) => invocationsIn(text)).length).toBeGreaterThan(150);
    expect(found.flatMap(({ path, text }) => faultsIn(path, text))).toEqual([]);
  });

  it('explain each of their options and themselves', () => {
    const mute = [...commands.values()]
      .filter(({ words }) => words.length > 0)
      .flatMap(({ words, summary, options }) => {
        const name = words.join(' ');
        const without = options
          .filter((option) => option.summary === '')
          .map(({ long }) => `${name} ${long}`);
        return summary === '' ? [name, ...without] : without;
      });
    expect(mute).toEqual([]);
  });
});
