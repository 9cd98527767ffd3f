import { z } from 'zod';
import type { EgressFetch } from '../egress/egress-fetch.ts';
import { DrawbridgeError } from '../errors.ts';
import type { AcmeKey } from '../identity/acme-key.ts';

/** A server may refuse a nonce that it no longer knows and gives a new one with the refusal. */
const NONCE_TRIES = 8;
const PROBLEM_CHARACTERS = 500;

/** An address that an ACME server may name: what is asked there is believed, so nobody on the way may answer. */
export const acmeUrl = z.url({ protocol: /^https$/ });

const directorySchema = z.looseObject({
  newNonce: acmeUrl,
  newAccount: acmeUrl,
  newOrder: acmeUrl,
});
type Directory = z.infer<typeof directorySchema>;

const problemSchema = z.looseObject({
  type: z.string().optional(),
  detail: z.string().optional(),
});

/** What an ACME server answered. */
export interface AcmeAnswer {
  readonly location: string | undefined;
  /** How long it asks to wait before the next question. */
  readonly retryAfterS: number | undefined;
  readonly text: string;
}

/** The signed requests of one account at one ACME server (RFC 8555, 6). */
export class AcmeServer {
  readonly #directoryUrl: string;
  readonly #fetch: EgressFetch;
  readonly #key: AcmeKey;
  readonly #signal: AbortSignal;
  #directory: Directory | undefined;
  #nonce: string | undefined;
  #account: string | undefined;

  constructor(parts: {
    readonly directoryUrl: string;
    readonly fetch: EgressFetch;
    readonly key: AcmeKey;
    readonly signal: AbortSignal;
  }) {
    this.#directoryUrl = parts.directoryUrl;
    this.#fetch = parts.fetch;
    this.#key = parts.key;
    this.#signal = parts.signal;
  }

  /**
   * Makes the account, or finds the one that this key has already.
   * @throws `acme.*`, `egress.*`
   */
  async signUp(contact: readonly string[]): Promise<void> {
    const { newAccount } = await this.#places();
    const { location } = await this.post(newAccount, { termsOfServiceAgreed: true, contact });
    if (location === undefined) throw unexpected('it named no account');
    this.#account = location;
  }

  /** Asks for a certificate for these names. @throws `acme.*`, `egress.*` */
  async order(names: readonly string[]): Promise<AcmeAnswer> {
    const { newOrder } = await this.#places();
    return this.post(newOrder, { identifiers: names.map((value) => ({ type: 'dns', value })) });
  }

  /**
   * One signed request; without `payload` it only reads.
   * @throws `acme.refused` with the server's own words, `acme.unexpected`, `egress.*`
   */
  async post(url: string, payload?: unknown): Promise<AcmeAnswer> {
    for (let tries = 1; ; tries++) {
      const body = await this.#key.sign(payload === undefined ? '' : JSON.stringify(payload), {
        url,
        nonce: this.#nonce ?? (await this.#newNonce()),
        account: this.#account,
      });
      this.#nonce = undefined;
      const response = await this.#send('POST', url, body);
      const text = await response.text();
      if (response.ok) {
        const retryAfterS = Number(response.headers.get('retry-after') ?? Number.NaN);
        return {
          location: response.headers.get('location') ?? undefined,
          retryAfterS: Number.isFinite(retryAfterS) ? retryAfterS : undefined,
          text,
        };
      }
      const problem = problemIn(text);
      if (problem.type?.endsWith(':badNonce') === true && tries < NONCE_TRIES) continue;
      throw refused(new URL(url).host, response.status, problem.detail);
    }
  }

  async #places(): Promise<Directory> {
    if (this.#directory !== undefined) return this.#directory;
    const response = await this.#send('GET', this.#directoryUrl);
    const parsed = directorySchema.safeParse(jsonIn(await response.text()));
    if (!parsed.success) {
      throw new DrawbridgeError('acme.not_a_server', `There is no ACME server at ${this.#directoryUrl}.`, {
        hint: "Check 'tls.acme.directory' in the config file.",
      });
    }
    this.#directory = parsed.data;
    return parsed.data;
  }

  async #newNonce(): Promise<string> {
    const { newNonce } = await this.#places();
    await this.#send('HEAD', newNonce);
    if (this.#nonce === undefined) throw unexpected('it gave no nonce');
    return this.#nonce;
  }

  async #send(method: string, url: string, body?: string): Promise<Response> {
    const headers = body === undefined ? {} : { 'content-type': 'application/jose+json' };
    const response = await this.#fetch(url, {
      method,
      headers: { ...headers, 'user-agent': 'drawbridge' },
      body,
      signal: this.#signal,
    });
    this.#nonce = response.headers.get('replay-nonce') ?? this.#nonce;
    return response;
  }
}

/** Text of a server as JSON, or `undefined`. */
export function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An answer that the protocol doesn't allow. */
export function unexpected(what: string): DrawbridgeError {
  return new DrawbridgeError('acme.unexpected', `The ACME server did not answer as it should: ${what}.`);
}

/** A server's words as a problem document (RFC 7807), as far as they are one. */
function problemIn(text: string): z.infer<typeof problemSchema> {
  const parsed = problemSchema.safeParse(jsonIn(text));
  return parsed.success ? parsed.data : {};
}

function refused(host: string, status: number, detail: string | undefined): DrawbridgeError {
  const said = detail === undefined ? `HTTP ${status}` : detail.slice(0, PROBLEM_CHARACTERS);
  return new DrawbridgeError('acme.refused', `The ACME server ${host} refused: ${said}`);
}
