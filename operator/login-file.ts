import { readFile, rm } from 'node:fs/promises';
import { DrawbridgeError, systemCodeOf } from '../shared/errors.ts';
import { writeWholeFile } from '../shared/store/whole-file.ts';
import type { OperatorHome } from './home.ts';

/** A bastion as the proxy named it at login, with the host key that its SSH server must show. */
export interface KnownBastion {
  readonly name: string;
  readonly id: string;
  /** OpenSSH one-line public key. */
  readonly hostKey: string;
}

/** What `drawbridge login` leaves behind. It holds no secret: the key lies beside it. */
export interface Login {
  readonly version: 1;
  readonly operator: { readonly username: string; readonly groups: readonly string[] };
  /** `expiresAt` is an ISO time. */
  readonly key: {
    readonly fingerprint: string;
    readonly expiresAt: string;
    /** True when the ssh-agent holds the private key, and no file does. */
    readonly inAgent?: true;
  };
  /** What was proven at the sign-in (RFC 8176). */
  readonly amr: readonly string[];
  readonly proxy: {
    readonly url: string;
    readonly id: string;
    readonly ssh: { readonly host: string; readonly port: number; readonly hostKey: string };
    /** True when the proxy's certificate must come from the CA in the home. */
    readonly ownCa: boolean;
  };
  readonly bastions: readonly KnownBastion[];
  /** The identity provider that the operator signed in with, when it was one. */
  readonly provider?: LoginProvider;
}

/** An identity provider, as far as signing out needs it. */
export interface LoginProvider {
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
}

/**
 * The login in `home`, whether or not it has expired.
 * @throws `login.none`, `login.unreadable`
 */
export async function readLogin(home: OperatorHome): Promise<Login> {
  let text: string;
  try {
    text = await readFile(home.loginPath, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw unreadable(home, error);
    throw new DrawbridgeError('login.none', 'You are not signed in.', {
      hint: 'Sign in with `drawbridge login https://PROXY --username NAME`.',
    });
  }
  const login = parseLogin(text);
  if (login === undefined) throw unreadable(home);
  return login;
}

/**
 * The login in `home`, if it is still good.
 * @throws `login.expired` and what {@link readLogin} throws
 */
export async function requireLogin(home: OperatorHome, nowMs: number): Promise<Login> {
  const login = await readLogin(home);
  if (Date.parse(login.key.expiresAt) > nowMs) return login;
  throw new DrawbridgeError('login.expired', `Your login at ${login.proxy.url} has expired.`, {
    hint: `Sign in again with \`drawbridge login ${login.proxy.url}\`.`,
  });
}

/** Stores the login, whole or not at all. */
export function writeLogin(home: OperatorHome, login: Login): Promise<void> {
  return writeWholeFile(home.loginPath, `${JSON.stringify(login, null, 2)}\n`);
}

/** Removes every file of the login; what is not there is fine. */
export async function removeLogin(home: OperatorHome): Promise<void> {
  const files = [
    home.keyPath,
    `${home.keyPath}.pub`,
    home.loginPath,
    home.knownHostsPath,
    home.sshConfigPath,
  ];
  for (const file of [...files, home.caPath]) await rm(file, { force: true });
}

function unreadable(home: OperatorHome, cause?: unknown): DrawbridgeError {
  return new DrawbridgeError('login.unreadable', `The login in ${home.loginPath} can't be read.`, {
    hint: 'Sign in again with `drawbridge login`.',
    cause,
  });
}

/**
 * Read by hand rather than by a schema library: this stands in the path of every `drawbridge connect`, where loading
 * one would cost more time than the whole check.
 */
function parseLogin(text: string): Login | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const root = objectOf(value);
  const operator = objectOf(root?.['operator']);
  const key = objectOf(root?.['key']);
  const proxy = objectOf(root?.['proxy']);
  const ssh = objectOf(proxy?.['ssh']);
  const username = operator?.['username'];
  const fingerprint = key?.['fingerprint'];
  const expiresAt = key?.['expiresAt'];
  const url = proxy?.['url'];
  const id = proxy?.['id'];
  const host = ssh?.['host'];
  const port = ssh?.['port'];
  const hostKey = ssh?.['hostKey'];
  if (root?.['version'] !== 1 || typeof username !== 'string' || typeof fingerprint !== 'string')
    return undefined;
  if (typeof expiresAt !== 'string' || typeof url !== 'string' || typeof id !== 'string') return undefined;
  if (typeof host !== 'string' || typeof port !== 'number' || typeof hostKey !== 'string') return undefined;
  return {
    version: 1,
    operator: { username, groups: listOf(operator?.['groups'], textOf) },
    key: { fingerprint, expiresAt, ...(key?.['inAgent'] === true ? { inAgent: true } : {}) },
    amr: listOf(root['amr'], textOf),
    proxy: { url, id, ssh: { host, port, hostKey }, ownCa: proxy?.['ownCa'] === true },
    bastions: listOf(root['bastions'], bastionOf),
    ...providerOf(root['provider']),
  };
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

function listOf<T>(value: unknown, read: (item: unknown) => T | undefined): readonly T[] {
  if (!Array.isArray(value)) return [];
  return value.map(read).filter((item): item is T => item !== undefined);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function providerOf(value: unknown): Pick<Login, 'provider'> {
  const provider = objectOf(value);
  const name = provider?.['name'];
  const issuer = provider?.['issuer'];
  const clientId = provider?.['clientId'];
  if (typeof name !== 'string' || typeof issuer !== 'string' || typeof clientId !== 'string') return {};
  return { provider: { name, issuer, clientId } };
}

function bastionOf(value: unknown): KnownBastion | undefined {
  const bastion = objectOf(value);
  const name = bastion?.['name'];
  const id = bastion?.['id'];
  const hostKey = bastion?.['hostKey'];
  if (typeof name !== 'string' || typeof id !== 'string' || typeof hostKey !== 'string') return undefined;
  return { name, id, hostKey };
}
