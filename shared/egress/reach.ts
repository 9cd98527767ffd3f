import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { DrawbridgeError, isDrawbridgeError } from '../errors.ts';
import { proxyFailure, proxyRefusal } from './connect-agent.ts';
import { proxyName } from './proxy-choice.ts';

/** How a {@link reach} goes about. */
export interface ReachOptions {
  /** The CONNECT proxy on the way, if there is one. */
  readonly proxy: URL | undefined;
  /** Authorities for an `https:` proxy besides the usual ones, in PEM. */
  readonly ca: readonly string[];
  /** When it is given up. */
  readonly signal: AbortSignal;
}

/**
 * Opens a connection towards `url` and closes it: TCP, and CONNECT where a proxy is on the way; never TLS. A proxy that
 * refuses counts as reached, since it is asked often, and must not be asked often with wrong credentials.
 * @throws a system error, `egress.proxy_*`, or `egress.timeout` once the signal is aborted.
 */
export function reach(url: URL, options: ReachOptions): Promise<void> {
  const port = url.port === '' ? defaultPortOf(url) : Number(url.port);
  const host = bareHost(url);
  return options.proxy === undefined
    ? reachDirectly(host, port, options.signal)
    : reachThrough(options.proxy, `${url.hostname}:${port}`, options);
}

function defaultPortOf(url: URL): number {
  return url.protocol === 'http:' || url.protocol === 'ws:' ? 80 : 443;
}

/** Without the brackets of an IPv6 address. */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1');
}

/** What proxies answer that did not get through themselves: 500 is tinyproxy's word for it. */
const NOT_REACHED = new Set([500, 502, 503, 504]);

function unanswered(target: string): DrawbridgeError {
  return new DrawbridgeError('egress.timeout', `${target} does not answer.`, {
    hint: 'A firewall may drop the packets; ask for outbound HTTPS to this address, or set egress.proxy.',
  });
}

function reachDirectly(host: string, port: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    const onAbort = () => settle(() => reject(unanswered(`${host}:${port}`)));
    const settle = (tell: () => void) => {
      signal.removeEventListener('abort', onAbort);
      tell();
      socket.destroy();
    };
    socket.on('error', (error) => settle(() => reject(error)));
    socket.once('connect', () => settle(resolve));
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function reachThrough(proxy: URL, target: string, { ca, signal }: ReachOptions): Promise<void> {
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const request: RequestOptions = {
    method: 'CONNECT',
    host: bareHost(proxy),
    port: proxy.port === '' ? defaultPortOf(proxy) : Number(proxy.port),
    path: target,
    agent: false,
    signal,
    headers: {
      host: target,
      ...(credentials === ':'
        ? {}
        : { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }),
    },
  };
  return new Promise((resolve, reject) => {
    const fail = (error: Error) =>
      reject(
        signal.aborted
          ? unanswered(proxyName(proxy))
          : isDrawbridgeError(error)
            ? error
            : proxyFailure(error, proxy, target),
      );
    const asked =
      proxy.protocol === 'https:'
        ? httpsRequest({ ...request, ...(ca.length === 0 ? {} : { ca: [...ca] }) })
        : httpRequest(request);
    asked.on('error', fail);
    asked.once('connect', ({ statusCode = 0 }: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => {});
      socket.destroy();
      if (NOT_REACHED.has(statusCode)) fail(proxyRefusal(String(statusCode), proxyName(proxy), target));
      else resolve();
    });
    asked.end();
  });
}
