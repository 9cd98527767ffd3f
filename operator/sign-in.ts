import { rename, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import { DrawbridgeError } from '../shared/errors.ts';
import { createSshKeyFile } from '../shared/ssh/keys.ts';
import { makeHome, type OperatorHome } from './home.ts';
import { type Login, removeLogin, requireLogin, writeLogin } from './login-file.ts';
import { loginEgress, operatorEgress, operatorToken, requestProxy } from './proxy-api.ts';
import { renderKnownHosts, renderSshConfig } from './ssh-config.ts';

/** What an operator gives to sign in. */
export interface SignIn {
  readonly proxyUrl: string;
  readonly username: string;
  readonly password: string;
  /** The current code of the operator's authenticator. */
  readonly code: string;
  /** PEM of the CA that the proxy's certificate comes from, when it is not a public one. */
  readonly ca?: string;
  readonly home: OperatorHome;
  readonly env: NodeJS.ProcessEnv;
  /** Program and first arguments of this command, for the ProxyCommand. */
  readonly command: readonly string[];
  /** UNIX account on the hosts, when one is to be the default in the ssh configuration. */
  readonly user?: string;
}

/** One DNS label: with dots, or anything that ssh reads as a pattern, it could claim hosts that are not the bastion's. */
const bastionName = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
const sshHost = z
  .string()
  .refine((host) => isIP(host) !== 0 || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(host));
const hostKey = z.string().max(1024);

const loginAnswer = z.object({
  operator: z.object({ username: z.string(), groups: z.array(z.string()) }),
  key: z.object({ fingerprint: z.string(), expiresAt: z.iso.datetime({ offset: true }) }),
  proxy: z.object({
    id: z.string(),
    url: z.string(),
    ssh: z.object({ host: sshHost, port: z.int().min(1).max(65_535), hostKey }),
  }),
  bastions: z.array(z.object({ name: bastionName, id: z.string(), hostKey, online: z.boolean() })),
});

/**
 * Signs an operator in: makes a fresh Ed25519 key, has the proxy register its public half for the life of the login,
 * and writes key, pinned host keys and ssh configuration to the home. Nothing of an earlier login is touched before
 * the proxy has agreed.
 * @throws `login.refused` for whatever was wrong with name, password or code; `egress.*`
 */
export async function signIn(options: SignIn): Promise<Login> {
  const { home } = options;
  const url = baseUrlOf(options.proxyUrl);
  await makeHome(home);
  const newKeyPath = `${home.keyPath}.new`;
  await rm(newKeyPath, { force: true });
  try {
    const publicKey = await createSshKeyFile(newKeyPath, `drawbridge:${options.username}`);
    const answer = await requestLogin(options, url, publicKey);
    const login: Login = {
      version: 1,
      operator: answer.operator,
      key: answer.key,
      proxy: { url, id: answer.proxy.id, ssh: answer.proxy.ssh, ownCa: options.ca !== undefined },
      bastions: answer.bastions.map(({ name, id, hostKey }) => ({ name, id, hostKey })),
    };
    const files = {
      knownHosts: renderKnownHosts(login),
      sshConfig: renderSshConfig({
        login,
        home,
        command: options.command,
        ...(options.user === undefined ? {} : { user: options.user }),
      }),
    };
    await rename(newKeyPath, home.keyPath);
    if (options.ca !== undefined) await writeFile(home.caPath, options.ca, { mode: 0o600 });
    await writeFile(`${home.keyPath}.pub`, `${publicKey}\n`, { mode: 0o644 });
    await writeFile(home.knownHostsPath, files.knownHosts, { mode: 0o600 });
    await writeFile(home.sshConfigPath, files.sshConfig, { mode: 0o600 });
    await writeLogin(home, login);
    return login;
  } finally {
    await rm(newKeyPath, { force: true });
  }
}

/**
 * Gives the login back to the proxy and removes it here. It is removed here in any case.
 * @returns undefined, or why the proxy could not be told: then the login ends there when it expires
 * @throws `login.none`
 */
export async function signOut(home: OperatorHome, env: NodeJS.ProcessEnv): Promise<unknown> {
  try {
    const login = await requireLogin(home, Date.now());
    const egress = await loginEgress(home, login, env);
    const token = await operatorToken(home, login);
    await requestProxy(egress, login.proxy.url, '/api/logout', { method: 'POST', token });
    return undefined;
  } catch (error) {
    if (error instanceof DrawbridgeError && error.code === 'login.none') throw error;
    return error;
  } finally {
    await removeLogin(home);
  }
}

async function requestLogin(
  options: SignIn,
  url: string,
  publicKey: string,
): Promise<z.infer<typeof loginAnswer>> {
  const { username, password, code } = options;
  const body = { username, password, code, publicKey };
  const egress = operatorEgress(options.env, options.ca);
  const answer = loginAnswer.safeParse(
    await requestProxy(egress, url, '/api/login', { method: 'POST', body }),
  );
  if (answer.success) return answer.data;
  throw new DrawbridgeError('proxy.unexpected', 'The proxy answered the login in an unknown form.', {
    hint: 'Use the command of the same version as the proxy.',
    cause: answer.error,
  });
}

/** The proxy's address without path, query and fragment; only https is taken, since a password goes there. */
function baseUrlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.username === '' && url.password === '') return url.origin;
  throw new DrawbridgeError('usage.proxy_url', `${JSON.stringify(text)} is not the address of a proxy.`, {
    hint: 'It looks like https://proxy.example.com.',
  });
}
