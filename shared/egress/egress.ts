import { type Agent, Agent as HttpAgent } from 'node:http';
import type { AgentOptions } from 'node:https';
import { createSecureContext, rootCertificates } from 'node:tls';
import { HttpProxyAgent } from 'hpagent';
import { CLIENT_TLS_OPTIONS } from '../tls/options.ts';
import { parseCaBundle, readCaBundle } from './ca-bundle.ts';
import { ConnectAgent } from './connect-agent.ts';
import { DirectAgent } from './direct-agent.ts';
import { IssuerNotes } from './issuer-notes.ts';
import { chooseProxy, type ProxySettings, parseProxy, proxyName } from './proxy-choice.ts';
import { reach } from './reach.ts';

/** The `egress` section of a config. */
export interface EgressConfig {
  /** `http://user:pass@host:port`; without it, the environment's `https_proxy`, `http_proxy`, `all_proxy` count. */
  readonly proxy?: string;
  /** Comma-separated names without proxy; without it, the environment's `no_proxy` counts. */
  readonly noProxy?: string;
  /** Path of a PEM file with authorities to trust besides the usual ones; comment lines are fine. */
  readonly caBundle?: string;
}

/** The way out of this machine: which proxy, and whom to trust. */
export interface Egress {
  /**
   * An agent for requests and WebSockets to this `http:` or `https:` address: direct or through a CONNECT proxy.
   * @throws `egress.bad_proxy` when the environment names no usable proxy.
   */
  agentFor(url: URL): Agent;
  /**
   * Opens a connection towards this address and closes it: TCP, through a CONNECT proxy where there is one, never TLS.
   * Cheap enough to ask again and again whether the network is back.
   * @throws what stood in the way; `egress.aborted`.
   */
  reach(url: URL, signal: AbortSignal): Promise<void>;
  /** Authorities that are trusted, in PEM; empty: those that Node trusts by itself. */
  readonly ca: string[];
  /** How this address is reached, for people: `directly` or `through the proxy http://…`, without credentials. */
  describe(url: URL): string;
  /** Who issued the certificate that made a connection of this egress fail, when that was seen. */
  issuerOf(error: Error): string | undefined;
}

/** What {@link createEgress} takes beside the config. */
export interface EgressOptions {
  /** Where proxies are named; default: this process's environment. */
  readonly env?: NodeJS.ProcessEnv;
  /** Authorities to trust besides the usual ones, in PEM. */
  readonly extraCa?: readonly string[];
  /** Trusts the extra authorities and not the usual ones, which take some 30 ms to read. */
  readonly extraCaAlone?: boolean;
}

/**
 * @throws `egress.bad_proxy`, `egress.bad_ca`
 */
export function createEgress(config: EgressConfig, options: EgressOptions = {}): Egress {
  return new SystemEgress(config, options);
}

class SystemEgress implements Egress {
  readonly ca: string[];
  readonly #settings: ProxySettings;
  readonly #issuers = new IssuerNotes();
  readonly #agents = new Map<string, Agent>();
  #tls: AgentOptions | undefined;

  constructor(config: EgressConfig, options: EgressOptions) {
    const { env = process.env, extraCa = [], extraCaAlone = false } = options;
    const { proxy, noProxy, caBundle } = config;
    if (proxy !== undefined) parseProxy(proxy.includes('://') ? proxy : `http://${proxy}`);
    this.#settings = {
      env,
      ...(proxy === undefined ? {} : { proxy }),
      ...(noProxy === undefined ? {} : { noProxy }),
    };
    const extra = [
      ...(caBundle === undefined ? [] : readCaBundle(caBundle)),
      ...extraCa.flatMap((pem) => parseCaBundle(pem, 'the pinned authority')),
    ];
    const usual = extra.length === 0 || extraCaAlone ? [] : rootCertificates;
    this.ca = [...usual, ...extra];
  }

  agentFor(url: URL): Agent {
    const proxy = chooseProxy(url, this.#settings);
    const key = `${url.protocol} ${proxy?.href ?? ''}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const agent = url.protocol === 'http:' ? plainAgent(proxy) : this.#tlsAgent(proxy);
    this.#agents.set(key, agent);
    return agent;
  }

  reach(url: URL, signal: AbortSignal): Promise<void> {
    return reach(url, { proxy: chooseProxy(url, this.#settings), ca: this.ca, signal });
  }

  describe(url: URL): string {
    const proxy = chooseProxy(url, this.#settings);
    return proxy === undefined ? 'directly' : `through the proxy ${proxyName(proxy)}`;
  }

  issuerOf(error: Error): string | undefined {
    return this.#issuers.issuerOf(error);
  }

  #tlsAgent(proxy: URL | undefined): Agent {
    const options = this.#tlsOptions();
    if (proxy === undefined) return new DirectAgent(options, this.#issuers);
    return new ConnectAgent(proxy, { ...options, proxyCa: this.ca }, this.#issuers);
  }

  /** One context for all connections: with a bundle, making one parses over a hundred certificates. */
  #tlsOptions(): AgentOptions {
    this.#tls ??= {
      keepAlive: false,
      secureContext: createSecureContext({
        ...CLIENT_TLS_OPTIONS,
        ...(this.ca.length === 0 ? {} : { ca: this.ca }),
      }),
    };
    return this.#tls;
  }
}

function plainAgent(proxy: URL | undefined): Agent {
  return proxy === undefined ? new HttpAgent() : new HttpProxyAgent({ proxy });
}
