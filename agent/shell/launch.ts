import { accessSync, constants } from 'node:fs';
import { basename } from 'node:path';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Account } from './account.ts';
import { carryEnvironment } from './carried-environment.ts';
import type { PamSession } from './pam-session.ts';

/** What to start for somebody. */
export type Program =
  | { readonly kind: 'login-shell' }
  /** Given to the account's shell with `-c`, as sshd does. */
  | { readonly kind: 'command'; readonly command: string }
  /** Started as it is. */
  | { readonly kind: 'program'; readonly argv: readonly [string, ...string[]] };

/** How to start it. */
export interface LaunchOptions {
  readonly account: Account;
  readonly program: Program;
  /** What the program finds around it. */
  readonly env: Readonly<Record<string, string>>;
  /** True when this process runs as root and becomes the account first. */
  readonly become: boolean;
  /** Control group that it joins first: the file that it writes `0` into. Only as root. */
  readonly joinPath?: string;
  /** What PAM gave the account. Only as root. */
  readonly pam?: Pick<PamSession, 'umask' | 'limits'>;
  /** Settings for `stty`, when it starts on a terminal. */
  readonly terminalSettings?: readonly string[];
}

/** Tools of the system that are used when they are there. Paths. */
export interface SystemTools {
  /** util-linux: becomes an account with all its groups, and ties a process to the life of this one. */
  readonly setpriv: string | undefined;
  readonly bash: string | undefined;
  /** Opens PAM's session of an account. */
  readonly su: string | undefined;
  /** util-linux: starts something with other resource limits. */
  readonly prlimit: string | undefined;
}

/** A command line and what it is started in. */
export interface Launch {
  readonly line: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
}

/** Where the system's own tools are. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** As sshd has it where PAM says nothing: a service's own is narrower. */
const DEFAULT_UMASK = '022';

/** Looks for the tools in their usual places. */
export function findSystemTools(): SystemTools {
  return {
    setpriv: firstExecutable(['/usr/bin/setpriv', '/bin/setpriv']),
    bash: firstExecutable(['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash']),
    su: firstExecutable(['/bin/su', '/usr/bin/su']),
    prlimit: firstExecutable(['/usr/bin/prlimit', '/bin/prlimit']),
  };
}

/** The first of these that exists and may be executed. */
export function firstExecutable(paths: readonly string[]): string | undefined {
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      // Not there, or not for us: the next one may do.
      return false;
    }
  });
}

/*
 * What runs before the program, in the same process: notes in the kernel's audit trail who logs in (as PAM does; not
 * permitted in most containers), gives the terminal to the account, sets its modes, tells programs its name. Nothing
 * of it is worth refusing a login for. $1: user id or nothing; $2: owner of the terminal or nothing; $3: arguments
 * of stty or nothing; $4: `tty` when it runs on a terminal; $5: file by which a control group is joined, or nothing;
 * $6: umask or nothing; $7: `motd` when a person is to be shown the message of the day.
 */
const PRELUDE = `{
  [ -z "$5" ] || printf 0 > "$5"
  [ -z "$1" ] || printf %s "$1" > /proc/self/loginuid
  if [ "$4" = tty ]; then
    SSH_TTY=$(tty) && export SSH_TTY
    if [ -n "$2" ]; then chown "$2" "$SSH_TTY" && chmod 620 "$SSH_TTY"; fi
    [ -z "$3" ] || stty $3
  fi
  [ -z "$6" ] || umask "$6"
  if [ "$7" = motd ] && ! [ -e "$HOME/.hushlogin" ]; then
    for file in /run/motd.dynamic /etc/motd; do [ ! -f "$file" ] || cat "$file"; done
  fi
} 2>/dev/null
shift 7
exec "$@"`;

/**
 * How a program is started as an account. Every step replaces the one before it, so that the process
 * which is started is the program in the end: its exit status and signal are the real ones, and signals reach it.
 *
 * `setpriv` gives it all groups of the account (Node's own `uid` option would drop them). What its environment holds
 * comes from the operator and from the account's own settings: LD_PRELOAD there, or a LANGUAGE that leads into its home,
 * would have a word in the steps that are still root. So these run with `rootNames` of it and no more, and the rest gets
 * its names once the account has been become.
 * @throws `agent.no_setpriv` when another account is to be become and the tool for it is missing.
 */
export function launchOf(options: LaunchOptions, tools: SystemTools, rootNames: readonly string[]): Launch {
  const { account, become, terminalSettings, joinPath, pam, env } = options;
  const carried = become ? carryEnvironment(env) : undefined;
  const program = [...(carried?.line ?? []), ...programLine(options, tools)];
  const asAccount = [...limitsLine(options, tools), ...setprivLine(options, tools), ...program];
  if (!become && terminalSettings === undefined) return { line: headed(asAccount), env };
  const kept = Object.entries(env).filter(([name]) => rootNames.includes(name));
  const line: Launch['line'] = [
    '/bin/sh',
    '-c',
    PRELUDE,
    'drawbridge',
    become ? String(account.uid) : '',
    become ? String(account.uid) : '',
    terminalSettings?.join(' ') ?? '',
    terminalSettings === undefined ? '' : 'tty',
    (become ? joinPath : undefined) ?? '',
    become ? (pam?.umask ?? DEFAULT_UMASK) : '',
    terminalSettings !== undefined && options.program.kind === 'login-shell' ? 'motd' : '',
    ...asAccount,
  ];
  if (carried === undefined) return { line, env };
  const root = { ...Object.fromEntries(kept), PATH: SYSTEM_PATH, HOME: account.home };
  return { line, env: { ...carried.env, ...root } };
}

/** Limits can be raised as root alone, so they come before the account. */
function limitsLine({ become, pam }: LaunchOptions, { prlimit }: SystemTools): string[] {
  if (!become || prlimit === undefined || pam === undefined || pam.limits.length === 0) return [];
  return [prlimit, ...pam.limits];
}

function setprivLine({ account, become }: LaunchOptions, tools: SystemTools): string[] {
  if (tools.setpriv === undefined) {
    if (!become) return [];
    throw new DrawbridgeError(
      'agent.no_setpriv',
      `This host has no setpriv, so nothing can be started as ${account.name}.`,
      {
        hint: 'Install util-linux, or run the agent as the account that operators are to use.',
      },
    );
  }
  // When the agent itself is killed, nobody is left to end what it has started: the kernel does.
  const tied = [tools.setpriv, '--pdeathsig', 'HUP'];
  if (!become) return [...tied, '--'];
  return [...tied, '--reuid', String(account.uid), '--regid', String(account.gid), '--init-groups', '--'];
}

function programLine({ account, program }: LaunchOptions, tools: SystemTools): string[] {
  switch (program.kind) {
    case 'command':
      return [account.shell, '-c', program.command];
    case 'program':
      return [...program.argv];
    case 'login-shell':
      // A login shell is told so by the dash in front of its name; only bash can start something under another name.
      if (tools.bash === undefined) return [account.shell, '-l'];
      return [tools.bash, '-c', 'exec -a "$0" "$@"', `-${basename(account.shell)}`, account.shell];
  }
}

function headed(line: readonly string[]): readonly [string, ...string[]] {
  const [program, ...rest] = line;
  if (program === undefined) throw new Error('There is nothing to start.');
  return [program, ...rest];
}
