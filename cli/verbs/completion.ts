import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { openHome } from '../../operator/home.ts';
import { type Cli, examples, type RegisterVerb } from '../cli.ts';
import type { CommandShape } from '../command-tree.ts';
import { printable } from '../terminal.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** Somebody waits with a finger on the Tab key. */
const ASK_TIMEOUT_MS = 3_000;
/** For so long the names that were asked for last are good enough. */
const REMEMBER_MS = 60_000;

const remembered = z.object({ atMs: z.number(), names: z.array(z.string()) });

/** `drawbridge completion bash|zsh|fish`. */
export const registerCompletion: RegisterVerb = (program, cli) => {
  const completion = program
    .command('completion')
    .description(
      'Print a script that completes verbs, options, files and, while you are signed in, the hosts within your reach.\n' +
        "Your shell's start-up file loads it.",
    );
  for (const shell of SHELLS) {
    const verb = completion
      .command(shell)
      .description(`Print the script for ${shell}.`)
      .action(() => printScript(cli, shell));
    examples(verb, [EXAMPLE[shell]]);
  }
  completion
    .command('hosts', { hidden: true })
    .description('Print the names of the hosts within reach, as the scripts ask for them.')
    .option('--home <dir>', 'where the login is kept')
    .action((options: { home?: string }) => printHosts(cli, options.home));
  examples(completion, Object.values(EXAMPLE));
};

const EXAMPLE: Readonly<Record<Shell, string>> = {
  bash: `echo 'source <(drawbridge completion bash)' >> ~/.bashrc`,
  zsh: `drawbridge completion zsh > "\${fpath[1]}/_drawbridge"    # before compinit runs`,
  fish: 'drawbridge completion fish > ~/.config/fish/completions/drawbridge.fish',
};

async function printScript(cli: Cli, shell: Shell): Promise<void> {
  const { shapeOf } = await import('../command-tree.ts');
  cli.terminal.out.write(await scriptFor(shell, shapeOf(await cli.wholeProgram())));
}

async function scriptFor(shell: Shell, shape: CommandShape): Promise<string> {
  switch (shell) {
    case 'bash':
      return (await import('../completion/bash.ts')).bashCompletion(shape);
    case 'zsh':
      return (await import('../completion/zsh.ts')).zshCompletion(shape);
    case 'fish':
      return (await import('../completion/fish.ts')).fishCompletion(shape);
  }
}

/** One name per line; nothing when nobody is signed in or the proxy is slow: a Tab key never shows an error. */
async function printHosts(cli: Cli, homeOption: string | undefined): Promise<void> {
  const home = openHome(homeOption, cli.env);
  const path = join(home.dir, 'completion-hosts.json');
  const before = await rememberedNames(path);
  const names = before ?? (await askForNames(cli, homeOption));
  for (const name of names) cli.terminal.line(printable(name));
  if (before !== undefined || names.length === 0) return;
  // A folder that can't be written to only makes the next Tab slower.
  await writeFile(path, JSON.stringify({ atMs: Date.now(), names }), { mode: 0o600 }).catch(() => undefined);
}

async function askForNames(cli: Cli, homeOption: string | undefined): Promise<readonly string[]> {
  const { listOperatorHosts } = await import('../../operator/hosts.ts');
  try {
    const home = openHome(homeOption, cli.env);
    const hosts = await listOperatorHosts(home, cli.env, { timeoutMs: ASK_TIMEOUT_MS });
    return hosts.map((host) => host.name);
  } catch {
    return [];
  }
}

async function rememberedNames(path: string): Promise<readonly string[] | undefined> {
  try {
    const { atMs, names } = remembered.parse(JSON.parse(await readFile(path, 'utf8')));
    const ageMs = Date.now() - atMs;
    return ageMs >= 0 && ageMs < REMEMBER_MS ? names : undefined;
  } catch {
    return undefined;
  }
}
