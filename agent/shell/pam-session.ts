import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { readEntry } from '../leftovers/process-table.ts';
import type { Account } from './account.ts';
import { limitOptions } from './resource-limits.ts';

/** How long the system's modules (directories, home folders that are made) may take. */
const OPEN_TIMEOUT_MS = 30_000;

/** How long the session may take to close once it was told to. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Longest text of `su` that is kept. */
const TEXT_LIMIT = 1_000;

/** Says what it has, and holds the session open until its input ends. */
const HOLDER = 'umask; echo $$; exec cat > /dev/null';

/** What every login has from us, or that belongs to the holder alone. */
const OWN_VARIABLES =
  /^(?:HOME|SHELL|USER|LOGNAME|PATH|MAIL|TERM|PWD|OLDPWD|SHLVL|_|SUDO_.*|SSH_.*|DRAWBRIDGE_.*)$/;

/** A session that the system's PAM modules have opened for an account, and what they gave it. */
export interface PamSession {
  readonly umask: string;
  /** Options of `prlimit` for the limits that differ from ours. */
  readonly limits: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Closes it. */
  close(): void;
}

/**
 * Opens a session by the system's `su`, which asks PAM whether the account may be used (it may have expired) and runs its
 * session modules: limits, environment, home folder, umask. Node.js can't call PAM, and a program below `su` would lose
 * its exit signals to it; so `su` holds the session beside the programs, and they take over what PAM has given.
 * @throws `agent.account_refused` with what `su` said
 */
export async function openPamSession(su: string, account: Account, clock: Clock): Promise<PamSession> {
  const holder = spawn(su, ['-s', '/bin/sh', '-c', HOLDER, account.name], {
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  holder.on('error', () => undefined);
  holder.stdin.on('error', () => undefined);
  const close = (): void => {
    holder.stdin.end();
    clock.after(CLOSE_TIMEOUT_MS, () => holder.kill('SIGTERM'));
  };
  try {
    const [umask = '', pid = ''] = await firstLines(holder, clock);
    return { umask, ...given(Number(pid), holder.pid), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The two lines that the holder prints. */
async function firstLines(holder: ChildProcess, clock: Clock): Promise<string[]> {
  let said = '';
  let complaint = '';
  holder.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, TEXT_LIMIT);
  });
  return new Promise((resolve, reject) => {
    const refuse = (why: string): void => reject(refused(why));
    const timer = clock.after(OPEN_TIMEOUT_MS, () => refuse('it did not answer in time'));
    holder.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-TEXT_LIMIT);
      const lines = /(\d+)\n(\d+)\n$/.exec(said);
      if (lines === null) return;
      timer.cancel();
      resolve(lines.slice(1));
    });
    once(holder, 'close').then(
      () => refuse(complaint.trim().replace(/^su: /, '') || 'it said nothing'),
      (error: Error) => refuse(error.message),
    );
  });
}

function refused(why: string): DrawbridgeError {
  return new DrawbridgeError('agent.account_refused', `The host does not let this account in: ${why}.`, {
    hint: 'Check on the host that `su` can become the account, or switch its PAM session off: pam: false in agent.yaml.',
  });
}

/**
 * What the holder was given. It is the account's process, and others of the account can put words into its mouth: only
 * the process that we started, or a child of it, is believed.
 */
function given(pid: number, suPid: number | undefined): Pick<PamSession, 'limits' | 'env'> {
  if (suPid === undefined || (pid !== suPid && readEntry(pid)?.parent !== suPid)) {
    throw refused('what holds its session is not what was started');
  }
  const env: Record<string, string> = {};
  for (const entry of readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')) {
    const at = entry.indexOf('=');
    const name = entry.slice(0, at);
    if (at > 0 && !OWN_VARIABLES.test(name)) env[name] = entry.slice(at + 1);
  }
  const limits = limitOptions(
    readFileSync(`/proc/${pid}/limits`, 'utf8'),
    readFileSync('/proc/self/limits', 'utf8'),
  );
  return { env, limits };
}
