import { getProxyForUrl } from 'proxy-from-env';
import { DrawbridgeError } from '../errors.ts';

/** The environment's variables that say which proxy to use, in lower case; upper case counts as well. */
const VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'] as const;

/** What decides about a proxy. */
export interface ProxySettings {
  /** Proxy for every address, `http://user:pass@host:port`; instead of the environment's. */
  readonly proxy?: string;
  /** Addresses without proxy; instead of the environment's. */
  readonly noProxy?: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * The proxy for an `http:` or `https:` address; undefined means direct.
 * @throws `egress.bad_proxy` for a setting that is no HTTP proxy. The message never holds its password.
 */
export function chooseProxy(url: URL, settings: ProxySettings): URL | undefined {
  const env: NodeJS.ProcessEnv = {};
  for (const name of VARIABLES) {
    const value = settings.env[name] || settings.env[name.toUpperCase()];
    if (value) env[name] = value;
  }
  if (settings.proxy !== undefined) {
    for (const name of ['http_proxy', 'https_proxy', 'all_proxy']) env[name] = settings.proxy;
  }
  if (settings.noProxy !== undefined) env['no_proxy'] = settings.noProxy;
  const choice = choiceIn(env, url);
  return choice === '' ? undefined : parseProxy(choice);
}

/** The library reads `process.env` and nothing else; it works synchronously, so ours can be lent to it. */
function choiceIn(env: NodeJS.ProcessEnv, url: URL): string {
  const own = process.env;
  process.env = withSchemes(env);
  try {
    return getProxyForUrl(url.href);
  } finally {
    process.env = own;
  }
}

/** `proxy:3128` means `http://proxy:3128`, as everywhere; the library would take the target's scheme. */
function withSchemes(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [
      name,
      name === 'no_proxy' || value === undefined || value.includes('://') ? value : `http://${value}`,
    ]),
  );
}

/**
 * Reads a proxy's address.
 * @throws `egress.bad_proxy`
 */
export function parseProxy(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url === undefined || !isHttp || url.hostname === '' || !hasReadableCredentials(url)) {
    throw new DrawbridgeError('egress.bad_proxy', 'The address of the outbound proxy cannot be used.', {
      hint: 'Write it as http://host:port or http://user:password@host:port, with special characters as %XX.',
    });
  }
  return url;
}

function hasReadableCredentials(url: URL): boolean {
  try {
    decodeURIComponent(url.username);
    decodeURIComponent(url.password);
    return true;
  } catch {
    return false;
  }
}

/** A proxy's address as it may be shown: without credentials. */
export function proxyName(proxy: URL): string {
  return `${proxy.protocol}//${proxy.host}`;
}
