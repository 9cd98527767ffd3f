import { fileURLToPath } from 'node:url';
import { Command, CommanderError } from 'commander';
import type { Cli, RegisterVerb } from './cli.ts';
import { incompletePackage } from './incomplete-package.ts';
import { createTerminal, exitCodeOf, type TextOutput, writeError } from './terminal.ts';
import { VERSION } from './version.ts';

/** The parts of a process that the command uses. */
export interface CommandProcess {
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
  readonly env: NodeJS.ProcessEnv;
  once(event: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

interface Verb {
  readonly name: string;
  readonly summary: string;
  readonly group: string;
  readonly load: () => Promise<RegisterVerb>;
}

const START = 'Start here:';
const ROLES = 'Roles:';
const CUSTOMER = 'At the customer (and, where it fits, at the vendor):';
const OPERATOR = 'For operators:';
const SHELL = 'For your shell:';

/** Verbs are loaded when they are used: `connect` runs once per ssh call and must start fast. */
const VERBS: readonly Verb[] = [
  {
    name: 'demo',
    summary: 'run a whole installation on this machine',
    group: START,
    load: async () => (await import('./verbs/demo.ts')).registerDemo,
  },
  {
    name: 'proxy',
    summary: "the vendor's meeting point: init, start, users, bastions",
    group: ROLES,
    load: async () => (await import('./verbs/proxy.ts')).registerProxy,
  },
  {
    name: 'bastion',
    summary: "the customer's authority: init, join, start",
    group: ROLES,
    load: async () => (await import('./verbs/bastion.ts')).registerBastion,
  },
  {
    name: 'agent',
    summary: 'the agent on a host: join, start',
    group: ROLES,
    load: async () => (await import('./verbs/agent.ts')).registerAgent,
  },
  {
    name: 'access',
    summary: 'turn remote access on or off, or see how it stands',
    group: CUSTOMER,
    load: async () => (await import('./verbs/access.ts')).registerAccess,
  },
  {
    name: 'policy',
    summary: 'show, check or apply the policy',
    group: CUSTOMER,
    load: async () => (await import('./verbs/policy.ts')).registerPolicy,
  },
  {
    name: 'sessions',
    summary: 'list, watch or end sessions',
    group: CUSTOMER,
    load: async () => (await import('./verbs/sessions.ts')).registerSessions,
  },
  {
    name: 'approvals',
    summary: 'grant or refuse what operators ask for, take grants back',
    group: CUSTOMER,
    load: async () => (await import('./verbs/approvals.ts')).registerApprovals,
  },
  {
    name: 'operators',
    summary: 'lock operators out, whatever the proxy says',
    group: CUSTOMER,
    load: async () => (await import('./verbs/operators.ts')).registerOperators,
  },
  {
    name: 'audit',
    summary: 'read, verify or export the audit log',
    group: CUSTOMER,
    load: async () => (await import('./verbs/audit.ts')).registerAudit,
  },
  {
    name: 'recordings',
    summary: 'list, play, export or verify recordings',
    group: CUSTOMER,
    load: async () => (await import('./verbs/recordings.ts')).registerRecordings,
  },
  {
    name: 'hosts',
    summary: 'list or revoke hosts (for an operator: the hosts within reach)',
    group: CUSTOMER,
    load: async () => (await import('./verbs/hosts.ts')).registerHosts,
  },
  {
    name: 'token',
    summary: 'create a join token for an agent',
    group: CUSTOMER,
    load: async () => (await import('./verbs/token.ts')).registerToken,
  },
  {
    name: 'doctor',
    summary: 'find out what keeps this machine from working',
    group: CUSTOMER,
    load: async () => (await import('./verbs/doctor.ts')).registerDoctor,
  },
  {
    name: 'login',
    summary: 'sign in at the proxy, for at most 8 hours',
    group: OPERATOR,
    load: async () => (await import('./verbs/login.ts')).registerLogin,
  },
  {
    name: 'logout',
    summary: 'give the login back and remove its key',
    group: OPERATOR,
    load: async () => (await import('./verbs/login.ts')).registerLogout,
  },
  {
    name: 'status',
    summary: 'who you are signed in as, and for how long',
    group: OPERATOR,
    load: async () => (await import('./verbs/login.ts')).registerStatus,
  },
  {
    name: 'security-key',
    summary: 'register a security key or passkey for sign-in',
    group: OPERATOR,
    load: async () => (await import('./verbs/security-key.ts')).registerSecurityKey,
  },
  {
    name: 'device',
    summary: 'enrol this machine as a trusted device',
    group: OPERATOR,
    load: async () => (await import('./verbs/device.ts')).registerDevice,
  },
  {
    name: 'ssh',
    summary: 'run ssh with the configuration of this login',
    group: OPERATOR,
    load: async () => (await import('./verbs/ssh.ts')).registerSsh,
  },
  {
    name: 'exec',
    summary: 'run one command on many hosts',
    group: OPERATOR,
    load: async () => (await import('./verbs/exec.ts')).registerExec,
  },
  {
    name: 'ssh-config',
    summary: 'print the ssh configuration of this login',
    group: OPERATOR,
    load: async () => (await import('./verbs/ssh.ts')).registerSshConfig,
  },
  {
    name: 'connect',
    summary: 'reach a host over HTTPS (a ProxyCommand for ssh)',
    group: OPERATOR,
    load: async () => (await import('./verbs/connect.ts')).registerConnect,
  },
  {
    name: 'completion',
    summary: 'print what completes commands in bash, zsh or fish',
    group: SHELL,
    load: async () => (await import('./verbs/completion.ts')).registerCompletion,
  },
];

function createProgram(terminal: Cli['terminal']): Command {
  return new Command('drawbridge')
    .description('Remote access that the customer decides, records and can cut.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      outputError: (text, write) => write(`drawbridge: ${text}`),
    })
    .showHelpAfterError('drawbridge: hint: add --help to see how it is used.')
    .enablePositionalOptions()
    .exitOverride();
}

/** The verb that the arguments name, also behind `help`. */
function namedVerb(args: readonly string[]): Verb | undefined {
  const words = args.filter((word) => !word.startsWith('-'));
  const name = words[0] === 'help' ? words[1] : words[0];
  return VERBS.find((verb) => verb.name === name);
}

async function buildProgram(args: readonly string[], cli: Cli): Promise<Command> {
  const program = createProgram(cli.terminal);
  const named = namedVerb(args);
  for (const verb of VERBS) {
    if (verb === named) (await verb.load())(program, cli);
    else program.command(verb.name).description(verb.summary);
    program.commands.at(-1)?.helpGroup(verb.group);
  }
  if (named === undefined) {
    program.addHelpText('after', '\nStart with `drawbridge demo`, or see `drawbridge <command> --help`.');
  }
  return program;
}

/** The command with every verb loaded: what documents and shells are told of it. */
export async function buildWholeProgram(cli: Cli): Promise<Command> {
  const program = createProgram(cli.terminal);
  for (const verb of VERBS) {
    (await verb.load())(program, cli);
    program.commands.at(-1)?.helpGroup(verb.group);
  }
  return program;
}

function interruption(process: CommandProcess): () => AbortSignal {
  let controller: AbortController | undefined;
  return () => {
    if (controller !== undefined) return controller.signal;
    const created = new AbortController();
    controller = created;
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => created.abort(name));
    return created.signal;
  };
}

/**
 * Runs the command. Exit code: 0 done, 1 refused or failed, 2 wrong use. Errors have been written to standard error.
 *
 * @param args Without the interpreter and the script.
 */
export async function runCommand(args: readonly string[], process: CommandProcess): Promise<number> {
  const terminal = createTerminal(process.stdout, process.stderr, process.env);
  let status = 0;
  const cli: Cli = {
    terminal,
    env: process.env,
    entryPath: fileURLToPath(
      new URL(import.meta.url.endsWith('.ts') ? 'main.ts' : 'main.js', import.meta.url),
    ),
    untilInterrupted: interruption(process),
    wholeProgram: () => buildWholeProgram(cli),
    exitWith: (given) => {
      status = given;
    },
  };
  try {
    const program = await buildProgram(args, cli);
    if (args.length === 0) {
      program.outputHelp({ error: true });
      return 2;
    }
    await program.parseAsync([...args], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    writeError(terminal, incompletePackage(error) ?? error);
    return exitCodeOf(error);
  }
}
