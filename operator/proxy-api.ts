import { readFile } from 'node:fs/promises';
import type { Json } from '../shared/audit/event.ts';
import { systemClock } from '../shared/clock.ts';
import { createEgress, type Egress } from '../shared/egress/egress.ts';
import { fetchJson } from '../shared/egress/fetch-json.ts';
import { DrawbridgeError, isDrawbridgeError } from '../shared/errors.ts';
import { signOperatorToken } from '../shared/identity/operator-signature.ts';
import type { OperatorHome } from './home.ts';
import type { Login } from './login-file.ts';
import { readLoginKey, readPublicKeyBytes } from './login-key.ts';
import { agentOf } from './ssh-agent.ts';

const REQUEST_TIMEOUT_MS = 20_000;

/** Names the file of `NODE_EXTRA_CA_CERTS` to a command that has been spared reading it at its start. */
export const EXTRA_CA_VARIABLE = 'DRAWBRIDGE_EXTRA_CA_CERTS';

/**
 * The way to the proxy: through the environment's HTTP proxy if there is one, trusting `ca` as well when given, beside
 * all that Node.js trusts in this environment.
 * @throws `egress.bad_ca`, `egress.bad_proxy`
 */
export function operatorEgress(env: NodeJS.ProcessEnv, ca: string | undefined): Egress {
  const options = { env, extraCa: ca === undefined ? [] : [ca] };
  // By itself Node.js trusts what NODE_EXTRA_CA_CERTS names, and no longer once it is told whom else to trust.
  const caBundle = env[EXTRA_CA_VARIABLE] ?? (ca === undefined ? '' : env['NODE_EXTRA_CA_CERTS']) ?? '';
  if (caBundle === '') return createEgress({}, options);
  try {
    return createEgress({ caBundle }, options);
  } catch (error) {
    // Node.js goes on without a file that it can't read, and so did every command before this one.
    if (!isDrawbridgeError(error, 'egress.bad_ca')) throw error;
    return createEgress({}, options);
  }
}

/** The way to the proxy of a login. */
export async function loginEgress(home: OperatorHome, login: Login, env: NodeJS.ProcessEnv): Promise<Egress> {
  return operatorEgress(env, login.proxy.ownCa ? await readFile(home.caPath, 'utf8') : undefined);
}

/**
 * The same for a proxy with an authority of its own, trusting no other: made in no time, and right unless the proxy has
 * another certificate by now, or something on the way inspects TLS. Undefined when the proxy has none of its own.
 */
export async function pinnedEgress(
  home: OperatorHome,
  login: Login,
  env: NodeJS.ProcessEnv,
): Promise<Egress | undefined> {
  if (!login.proxy.ownCa) return undefined;
  return createEgress({}, { env, extraCa: [await readFile(home.caPath, 'utf8')], extraCaAlone: true });
}

/** A fresh proof that the caller holds the login's key; good for one request. */
export async function operatorToken(
  home: OperatorHome,
  login: Login,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const { fingerprint, inAgent } = login.key;
  if (inAgent === true) {
    const agent = agentOf(env);
    const publicBytes = await readPublicKeyBytes(`${home.keyPath}.pub`);
    const sign = (data: Buffer): Promise<Buffer> => agent.sign(publicBytes, data);
    return signOperatorToken({ sign, fingerprint }, login.proxy.id, systemClock);
  }
  const privateKey = await readLoginKey(home.keyPath);
  return signOperatorToken({ privateKey, fingerprint }, login.proxy.id, systemClock);
}

/**
 * A request to the proxy's API.
 * @returns the body of a 2xx answer
 * @throws the proxy's own code and sentence when it refuses, `egress.*` when it can't be reached
 */
export async function requestProxy(
  egress: Egress,
  baseUrl: string,
  path: string,
  options: {
    readonly method: 'GET' | 'POST';
    readonly body?: Json;
    readonly token?: string;
    /** For the whole exchange; 20 s unless given. */
    readonly timeoutMs?: number;
  },
): Promise<unknown> {
  const { status, body } = await fetchJson(egress, new URL(path, baseUrl), {
    method: options.method,
    timeoutMs: options.timeoutMs ?? REQUEST_TIMEOUT_MS,
    ...(options.body === undefined ? {} : { body: options.body }),
    ...(options.token === undefined ? {} : { headers: { authorization: `Bearer ${options.token}` } }),
  });
  if (status >= 200 && status < 300) return body;
  throw refusalOf(status, body);
}

/** The error that a refusing answer stands for. */
export function refusalOf(status: number, body: unknown): DrawbridgeError {
  if (typeof body === 'object' && body !== null && 'code' in body && 'message' in body) {
    const { code, message } = body;
    const hint = 'hint' in body && typeof body.hint === 'string' ? body.hint : undefined;
    if (typeof code === 'string' && typeof message === 'string') {
      return new DrawbridgeError(code, message, hint === undefined ? {} : { hint });
    }
  }
  return new DrawbridgeError('proxy.unexpected', `The proxy answered with HTTP status ${status}.`, {
    hint: 'Check that the address is that of a Drawbridge proxy.',
  });
}
