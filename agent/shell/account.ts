import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { systemCodeOf } from '../../shared/errors.ts';

/** A UNIX account of this host. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** How long the system's directory (files, LDAP, SSSD) may take to answer. */
const LOOKUP_TIMEOUT_MS = 10_000;

const DEFAULT_SHELL = '/bin/sh';

/** The account that this process runs as. */
export function ownAccount(): Account {
  const { username, uid, gid, homedir, shell } = userInfo();
  return { name: username, uid, gid, home: homedir, shell: shell ?? DEFAULT_SHELL };
}

/** True when this process may start others as any account. */
export function isSuperuser(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * Looks an account up where the system does: files, LDAP, SSSD, … Undefined when there is none of that name.
 * @param name a name that {@link isLoginName} accepts
 */
export async function findAccount(name: string): Promise<Account | undefined> {
  const line = (await askDirectory(name)) ?? (await readPasswd(name));
  return line === undefined ? undefined : parsePasswdLine(line, name);
}

/** One line of passwd(5). Undefined when it is not one, or of another account. */
export function parsePasswdLine(line: string, name: string): Account | undefined {
  const [lineName, , uid = '', gid = '', , home = '', shell = ''] = line.split(':');
  if (lineName !== name || !/^\d{1,10}$/.test(uid) || !/^\d{1,10}$/.test(gid)) return undefined;
  return {
    name,
    uid: Number(uid),
    gid: Number(gid),
    home: home === '' ? '/' : home,
    shell: shell === '' ? DEFAULT_SHELL : shell,
  };
}

/** Undefined: there is no `getent` here, or it knows no such account. */
function askDirectory(name: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('getent', ['passwd', '--', name], { timeout: LOOKUP_TIMEOUT_MS }, (error, stdout) => {
      resolve(error === null ? stdout.split('\n')[0] : undefined);
    });
  });
}

async function readPasswd(name: string): Promise<string | undefined> {
  try {
    const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
    return lines.find((line) => line.startsWith(`${name}:`));
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
