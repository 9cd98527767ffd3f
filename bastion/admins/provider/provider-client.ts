import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../../shared/clock.ts';
import { readSecret } from '../../../shared/egress/credentials.ts';
import type { Egress } from '../../../shared/egress/egress.ts';
import { fetchJson } from '../../../shared/egress/fetch-json.ts';
import { DrawbridgeError } from '../../../shared/errors.ts';
import type { AdminProviderConfig } from './config.ts';
import type { PendingSignIn } from './pending-sign-ins.ts';
import { askProvider, type ProviderMetadata } from './provider-metadata.ts';

/** For so long what the provider says of itself is not asked anew, */
const METADATA_MS = 10 * 60_000;
/** and after a failure it is left alone: anybody can press the button. */
const ASK_AGAIN_MS = 5_000;
const TIMEOUT_MS = 10_000;
const ANSWER_LIMIT_BYTES = 512 * 1024;

const tokensSchema = z.object({ id_token: z.string() });
const faultSchema = z.object({ error: z.string().regex(/^[a-z_]{1,64}$/) });

/** Talks to the provider in the bastion's name: where to send browsers, and what a code stands for. */
export class ProviderClient {
  readonly #config: AdminProviderConfig;
  readonly #redirectUri: string;
  readonly #egress: Egress;
  readonly #clock: Clock;
  #asked: { readonly answer: Promise<ProviderMetadata>; staleAtMs: number } | undefined;

  constructor(options: {
    readonly config: AdminProviderConfig;
    readonly redirectUri: string;
    readonly egress: Egress;
    readonly clock: Clock;
  }) {
    this.#config = options.config;
    this.#redirectUri = options.redirectUri;
    this.#egress = options.egress;
    this.#clock = options.clock;
  }

  /** Where a browser goes to sign in. @throws `egress.*`, `idp.unexpected`, `idp.bad_configuration`. */
  async authorizationUrl({ state, nonce, verifier }: PendingSignIn): Promise<string> {
    const url = new URL((await this.#metadata()).authorization_endpoint);
    const parameters = {
      response_type: 'code',
      client_id: this.#config.clientId,
      redirect_uri: this.#redirectUri,
      scope: this.#config.scopes.join(' '),
      state,
      nonce,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
  }

  /** The ID token that a code stands for, not checked yet. @throws `egress.*`, `idp.*`, `ship.no_secret`. */
  async exchange(code: string, { verifier }: PendingSignIn): Promise<string> {
    const { token_endpoint: endpoint, token_endpoint_auth_methods_supported: methods } =
      await this.#metadata();
    const { clientId, clientSecretFile } = this.#config;
    const secret = await readSecret(clientSecretFile);
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: this.#redirectUri,
      code_verifier: verifier,
    });
    const headers: Record<string, string> = {};
    if (methods.includes('client_secret_basic') || !methods.includes('client_secret_post')) {
      headers['authorization'] = basic(clientId, secret);
    } else {
      form.set('client_id', clientId);
      form.set('client_secret', secret);
    }
    const url = new URL(endpoint);
    const limits = { timeoutMs: TIMEOUT_MS, limitBytes: ANSWER_LIMIT_BYTES };
    const { status, body } = await fetchJson(this.#egress, url, { form, headers, ...limits });
    const tokens = tokensSchema.safeParse(body);
    if (status === 200 && tokens.success) return tokens.data.id_token;
    const fault = faultSchema.safeParse(body);
    const said = fault.success ? fault.data.error : `HTTP status ${status}`;
    throw new DrawbridgeError('idp.unexpected', `${url.host} gave no ID token for the code: ${said}.`);
  }

  /** All who ask while an answer is on its way wait for the same one. */
  #metadata(): Promise<ProviderMetadata> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#asked !== undefined && nowMs < this.#asked.staleAtMs) return this.#asked.answer;
    const answer = askProvider(this.#egress, this.#config.issuer).then(({ metadata }) => metadata);
    const asked = { answer, staleAtMs: nowMs + METADATA_MS };
    this.#asked = asked;
    asked.answer.catch(() => {
      asked.staleAtMs = this.#clock.monotonicMs() + ASK_AGAIN_MS;
    });
    return asked.answer;
  }
}

/** Both parts are form-encoded before they are joined (RFC 6749, section 2.3.1). */
function basic(clientId: string, secret: string): string {
  const [name, value] = [clientId, secret].map((part) =>
    new URLSearchParams({ '': part }).toString().slice(1),
  );
  return `Basic ${Buffer.from(`${name}:${value}`).toString('base64')}`;
}
