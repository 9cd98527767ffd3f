import { rename, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import type { Egress } from '../shared/egress/egress.ts';
import { DrawbridgeError } from '../shared/errors.ts';
import { generateSshKey, parsePublicLine } from '../shared/ssh/keys.ts';
import { deviceProof } from './device.ts';
import { makeHome, type OperatorHome } from './home.ts';
import { type Login, removeLogin, requireLogin, writeLogin } from './login-file.ts';
import { parseOpenSshEd25519, readPublicKeyBytes } from './login-key.ts';
import { loginEgress, operatorEgress, operatorToken, requestProxy } from './proxy-api.ts';
import { type AgentKey, agentOf } from './ssh-agent.ts';
import { renderKnownHosts, renderSshConfig } from './ssh-config.ts';

/** Where a login is asked for and where it is kept. */
export interface LoginPlace {
  readonly proxyUrl: string;
  /** PEM of the CA that the proxy's certificate comes from, when it is not a public one. */
  readonly ca?: string;
  readonly home: OperatorHome;
  readonly env: NodeJS.ProcessEnv;
  /** Node.js and this command's entry file, for the ProxyCommand. */
  readonly command: readonly string[];
  /** UNIX account on the hosts, when one is to be the default in the ssh configuration. */
  readonly user?: string;
  /** A shorter life of the login than what the proxy gives by itself. */
  readonly lifetimeMs?: number;
  /** Hands the key to the ssh-agent, with the login's lifetime, and writes it to no file. */
  readonly agent?: boolean;
}

/** What an operator gives to sign in with password and code. */
export interface SignIn extends LoginPlace {
  readonly username: string;
  readonly password: string;
  /** The current code of the operator's authenticator. */
  readonly code: string;
}

/** What a way to sign in gets to work with. */
export interface LoginRequestContext {
  readonly egress: Egress;
  /** The proxy's address, checked. */
  readonly url: string;
  /** OpenSSH one-line public key, made for this login. */
  readonly publicKey: string;
  /** The wanted lifetime, as the proxy takes it beside the key. */
  readonly lifetime: { readonly lifetimeMs?: number };
  /** The proof of this device, as the proxy takes it beside the key; empty when none is enrolled. */
  readonly proveDevice: () => Promise<{ readonly deviceProof?: string }>;
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
  amr: z.array(z.string().max(64)).max(32).default([]),
  bastions: z.array(z.object({ name: bastionName, id: z.string(), hostKey, online: z.boolean() })),
});

/**
 * Signs an operator in with password and one-time code.
 * @throws `login.refused` for whatever was wrong with name, password or code; what {@link obtainLogin} throws
 */
export function signIn(options: SignIn): Promise<Login> {
  const { username, password, code } = options;
  return obtainLogin(options, `drawbridge:${username}`, async (context) => {
    const { egress, url, publicKey, lifetime, proveDevice } = context;
    const body = { username, password, code, publicKey, ...lifetime, ...(await proveDevice()) };
    return requestProxy(egress, url, '/api/login', { method: 'POST', body });
  });
}

/**
 * Makes a fresh Ed25519 key, has the proxy register its public half for the life of the login, and writes key, pinned
 * host keys and ssh configuration to the home. Nothing of an earlier login is touched before the proxy has agreed.
 * @param keyComment what to call the key
 * @param request asks the proxy in its own way, and gives the body of its answer
 * @throws `egress.*`, `home.*`, `proxy.unexpected`, and what `request` throws
 */
export async function obtainLogin(
  place: LoginPlace,
  keyComment: string,
  request: (context: LoginRequestContext) => Promise<unknown>,
  more: Pick<Login, 'provider'> = {},
): Promise<Login> {
  const { home } = place;
  const url = baseUrlOf(place.proxyUrl);
  await makeHome(home);
  const newKeyPath = `${home.keyPath}.new`;
  await rm(newKeyPath, { force: true });
  const agent = place.agent === true ? agentOf(place.env) : undefined;
  try {
    const made = generateSshKey(keyComment);
    const publicKey = made.publicLine;
    if (agent === undefined) await writeFile(newKeyPath, made.privateKey, { mode: 0o600, flag: 'wx' });
    const egress = operatorEgress(place.env, place.ca);
    const { fingerprint } = parsePublicLine(publicKey);
    const lifetime = place.lifetimeMs === undefined ? {} : { lifetimeMs: place.lifetimeMs };
    const proveDevice = () => deviceProof(home, egress, url, fingerprint);
    const answer = readAnswer(await request({ egress, url, publicKey, lifetime, proveDevice }));
    const login: Login = {
      version: 1,
      operator: answer.operator,
      key: { ...answer.key, ...(agent === undefined ? {} : { inAgent: true }) },
      amr: answer.amr,
      proxy: { url, id: answer.proxy.id, ssh: answer.proxy.ssh, ownCa: place.ca !== undefined },
      bastions: answer.bastions.map(({ name, id, hostKey }) => ({ name, id, hostKey })),
      ...more,
    };
    const files = {
      knownHosts: renderKnownHosts(login),
      sshConfig: renderSshConfig({
        login,
        home,
        command: place.command,
        ...(place.user === undefined ? {} : { user: place.user }),
        extraCaPath: place.env['NODE_EXTRA_CA_CERTS'] ?? '',
      }),
    };
    if (agent === undefined) {
      await rename(newKeyPath, home.keyPath);
    } else {
      const lifetimeS = Math.ceil((Date.parse(answer.key.expiresAt) - Date.now()) / 1000);
      await agent.add(agentKeyOf(made.privateKey, keyComment), Math.max(lifetimeS, 1));
      await rm(home.keyPath, { force: true });
    }
    if (place.ca !== undefined) await writeFile(home.caPath, place.ca, { mode: 0o600 });
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
    const token = await operatorToken(home, login, env);
    await requestProxy(egress, login.proxy.url, '/api/logout', { method: 'POST', token });
    if (login.key.inAgent === true)
      await agentOf(env).remove(await readPublicKeyBytes(`${home.keyPath}.pub`));
    return undefined;
  } catch (error) {
    if (error instanceof DrawbridgeError && error.code === 'login.none') throw error;
    return error;
  } finally {
    await removeLogin(home);
  }
}

function readAnswer(body: unknown): z.infer<typeof loginAnswer> {
  const answer = loginAnswer.safeParse(body);
  if (answer.success) return answer.data;
  throw new DrawbridgeError('proxy.unexpected', 'The proxy answered the login in an unknown form.', {
    hint: 'Use the command of the same version as the proxy.',
    cause: answer.error,
  });
}

/** A key in OpenSSH's format, as an agent takes it. */
function agentKeyOf(privateKey: string, comment: string): AgentKey {
  const { d = '', x = '' } = parseOpenSshEd25519(privateKey).export({ format: 'jwk' });
  return { seed: Buffer.from(d, 'base64url'), publicBytes: Buffer.from(x, 'base64url'), comment };
}

/** The proxy's address without path, query and fragment; only https is taken, since a password goes there. */
export function baseUrlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.username === '' && url.password === '') return url.origin;
  throw new DrawbridgeError('usage.proxy_url', `${JSON.stringify(text)} is not the address of a proxy.`, {
    hint: 'It looks like https://proxy.example.com.',
  });
}
