import type { Agent as HttpAgent } from 'node:http';
import type { AgentOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { HttpsProxyAgent } from 'hpagent';
import { DrawbridgeError, messageOf, systemCodeOf } from '../errors.ts';
import type { IssuerNotes } from './issuer-notes.ts';
import { proxyName } from './proxy-choice.ts';

/** How long a proxy may be silent before it has answered CONNECT. */
export const PROXY_TIMEOUT_MS = 10_000;

type CreateConnection = HttpAgent['createConnection'];

/** An https agent that goes through a CONNECT proxy, with errors that say what the proxy did. */
export class ConnectAgent extends HttpsProxyAgent {
  readonly #proxy: URL;
  readonly #issuers: IssuerNotes;

  constructor(proxy: URL, options: AgentOptions & { readonly proxyCa: string[] }, issuers: IssuerNotes) {
    const { proxyCa, ...agentOptions } = options;
    super({
      ...agentOptions,
      proxy,
      proxyRequestOptions: proxyCa.length === 0 ? {} : { ca: proxyCa },
    });
    this.#proxy = proxy;
    this.#issuers = issuers;
  }

  override createConnection(...[options, callback]: Parameters<CreateConnection>): Duplex | null | undefined {
    const target = `${options.host ?? ''}:${options.port ?? ''}`;
    const answered = (error: Error | null, socket: Duplex) => {
      if (error !== null) {
        callback?.(proxyFailure(error, this.#proxy, target), socket);
        return;
      }
      this.#issuers.watch(socket);
      callback?.(null, socket);
    };
    return super.createConnection({ ...options, timeout: PROXY_TIMEOUT_MS }, answered);
  }
}

/** What a proxy's failure means. `error` is what hpagent gives: a system error, or a text for the proxy's answer. */
export function proxyFailure(error: Error, proxy: URL, target: string): DrawbridgeError {
  const name = proxyName(proxy);
  const text = messageOf(error);
  // hpagent has no other form for these two; the tests against real proxies notice when it changes.
  const status = /^Bad response: (\d{3})$/.exec(text)?.[1];
  if (status !== undefined) return proxyRefusal(status, name, target, error);
  if (text === 'Proxy timeout') {
    return new DrawbridgeError('egress.proxy_timeout', `The outbound proxy ${name} does not answer.`, {
      hint: 'Check egress.proxy, or ask whoever runs the proxy.',
      cause: error,
    });
  }
  switch (systemCodeOf(error)) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new DrawbridgeError(
        'egress.proxy_dns',
        `The name of the outbound proxy ${name} is not found in DNS.`,
        {
          hint: 'Check egress.proxy and the name servers of this machine.',
          cause: error,
        },
      );
    case 'ECONNREFUSED':
      return new DrawbridgeError('egress.proxy_down', `Nothing listens at the outbound proxy ${name}.`, {
        hint: 'Check the host and port in egress.proxy.',
        cause: error,
      });
    case 'ECONNRESET':
      return new DrawbridgeError(
        'egress.proxy_closed',
        `The outbound proxy ${name} closed the connection before it answered.`,
        { hint: 'Ask whoever runs the proxy why it drops connections from this machine.', cause: error },
      );
    default:
      return new DrawbridgeError(
        'egress.proxy_failed',
        `The outbound proxy ${name} cannot be used: ${text}.`,
        {
          cause: error,
        },
      );
  }
}

/** What it means that a proxy answered CONNECT with this HTTP status. */
export function proxyRefusal(
  status: string,
  name: string,
  target: string,
  causedBy?: Error,
): DrawbridgeError {
  const because = causedBy === undefined ? {} : { cause: causedBy };
  switch (status) {
    case '401':
    case '407':
      return new DrawbridgeError(
        'egress.proxy_auth',
        `The outbound proxy ${name} asks for a user name and password, or does not take those it got (${status}).`,
        { hint: 'Write them into egress.proxy as http://user:password@host:port.', ...because },
      );
    case '500':
    case '502':
    case '503':
    case '504':
      return new DrawbridgeError(
        'egress.proxy_unreachable',
        `The outbound proxy ${name} cannot reach ${target} (${status}).`,
        { hint: 'Check the address, and whether the proxy itself gets out.', ...because },
      );
    default:
      return new DrawbridgeError(
        'egress.proxy_refused',
        `The outbound proxy ${name} does not allow a connection to ${target} (${status}).`,
        { hint: 'Ask whoever runs the proxy to allow CONNECT to this address.', ...because },
      );
  }
}
