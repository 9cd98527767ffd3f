import { createHash } from 'node:crypto';
import * as oidc from 'openid-client';
import type { Egress } from '../shared/egress/egress.ts';
import { egressFetch } from '../shared/egress/egress-fetch.ts';
import { DrawbridgeError, isDrawbridgeError, messageOf } from '../shared/errors.ts';
import { publicJwkOf } from '../shared/identity/keys.ts';
import { commitToKey, nonceOf } from '../shared/identity/provider/key-commitment.ts';
import { ed25519KeyObjectFromBlob, parsePublicLine } from '../shared/ssh/keys.ts';
import type { Login } from './login-file.ts';
import { openLoopbackRedirect } from './loopback-redirect.ts';
import { chooseProvider, listProviders, type OfferedProvider } from './providers.ts';
import { operatorEgress, requestProxy } from './proxy-api.ts';
import { baseUrlOf, type LoginPlace, obtainLogin } from './sign-in.ts';

const REQUEST_TIMEOUT_MS = 20_000;
const ANSWER_LIMIT_BYTES = 1024 * 1024;

/** How long a person may take in the browser. */
const SIGN_IN_TIMEOUT_MS = 10 * 60 * 1000;

/** What the person at the terminal is shown while a sign-in goes on. */
export interface SignInScreen {
  /** Opens the address in a browser, or shows it. */
  browse(url: URL): Promise<void>;
  /** Shows where to go with any other machine, and the code to type there. */
  deviceCode(page: { readonly url: string; readonly code: string; readonly complete?: string }): void;
  note(text: string): void;
}

/** What {@link signInWithProvider} needs. */
export interface ProviderSignIn extends LoginPlace {
  /** Name of the provider; may be left out when the proxy has only one. */
  readonly provider?: string;
  /** With a code on another machine, for terminals without a browser (RFC 8628). */
  readonly deviceCode: boolean;
  readonly screen: SignInScreen;
  readonly signal: AbortSignal;
}

/**
 * Signs an operator in with an identity provider: authorization code with PKCE in the browser, back to this machine
 * (RFC 8252), or a device code. The ID token's nonce commits to the login's fresh key.
 * @throws `login.provider_unknown`, `login.provider_failed`, `login.cancelled`, `login.no_device_code`, `egress.*`, and
 *   what the proxy refuses with
 */
export async function signInWithProvider(options: ProviderSignIn): Promise<Login> {
  const egress = operatorEgress(options.env, options.ca);
  const providers = await listProviders(egress, baseUrlOf(options.proxyUrl));
  const provider = chooseProvider(providers, options.provider);
  if (options.deviceCode && !provider.deviceCode) {
    throw new DrawbridgeError(
      'login.no_device_code',
      `${provider.title} is not set up for device codes here.`,
      {
        hint: 'Sign in without --device-code.',
      },
    );
  }
  const { name, issuer, clientId } = provider;
  return obtainLogin(
    options,
    `drawbridge:${name}`,
    async (context) => {
      const jwk = publicJwkOf(ed25519KeyObjectFromBlob(parsePublicLine(context.publicKey).blob));
      const commitment = commitToKey(jwk);
      return withIdToken(provider, nonceOf(commitment), context.egress, options, async (idToken) => {
        const key = { ...context.lifetime, ...(await context.proveDevice()) };
        const body = { provider: name, idToken, ...commitment, ...key };
        return requestProxy(context.egress, context.url, '/api/login/provider', { method: 'POST', body });
      });
    },
    { provider: { name, issuer, clientId } },
  );
}

/**
 * Where the provider signs a person out of everything (OpenID Connect RP-Initiated Logout 1.0).
 * @returns undefined when it has no such page
 * @throws `login.provider_failed`
 */
export async function providerSignOutPage(
  provider: { readonly issuer: string; readonly clientId: string },
  egress: Egress,
): Promise<URL | undefined> {
  const config = await configurationOf(provider, egress);
  if (config.serverMetadata().end_session_endpoint === undefined) return undefined;
  return oidc.buildEndSessionUrl(config, { client_id: provider.clientId });
}

/** Gets an ID token and gives it to `use`, whose success or failure the waiting browser is shown. */
async function withIdToken<T>(
  provider: OfferedProvider,
  nonce: string,
  egress: Egress,
  options: ProviderSignIn,
  use: (idToken: string) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(SIGN_IN_TIMEOUT_MS);
  const way: Way = {
    config: await configurationOf(provider, egress).catch((error: unknown) => {
      throw providerFailure(error, provider.title);
    }),
    ...{ provider, nonce, screen: options.screen },
    signal: AbortSignal.any([deadline, options.signal]),
  };
  try {
    const withTokens = ({ id_token: idToken }: oidc.TokenEndpointResponse): Promise<T> => {
      if (idToken !== undefined) return use(idToken);
      throw new DrawbridgeError('login.provider_failed', `${provider.title} sent no ID token.`, {
        hint: "The scopes of this provider must hold 'openid'.",
      });
    };
    return await (options.deviceCode ? byDeviceCode(way, withTokens) : byBrowser(way, withTokens));
  } catch (error) {
    if (options.signal.aborted) throw new DrawbridgeError('login.cancelled', 'The sign-in was given up.');
    if (deadline.aborted) {
      throw new DrawbridgeError('login.cancelled', 'Nobody has signed in within 10 minutes.', {
        cause: error,
      });
    }
    throw providerFailure(error, provider.title);
  }
}

async function configurationOf(
  { issuer, clientId }: { readonly issuer: string; readonly clientId: string },
  egress: Egress,
): Promise<oidc.Configuration> {
  const fetch = egressFetch(egress, { timeoutMs: REQUEST_TIMEOUT_MS, limitBytes: ANSWER_LIMIT_BYTES });
  return oidc.discovery(new URL(issuer), clientId, undefined, oidc.None(), { [oidc.customFetch]: fetch });
}

/** What both ways to sign in need. */
interface Way {
  readonly config: oidc.Configuration;
  readonly provider: OfferedProvider;
  readonly nonce: string;
  readonly screen: SignInScreen;
  readonly signal: AbortSignal;
}

async function byBrowser<T>(
  { config, provider, nonce, screen, signal }: Way,
  use: (tokens: oidc.TokenEndpointResponse) => Promise<T>,
): Promise<T> {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const redirect = await openLoopbackRedirect(provider.redirectUri, state);
  try {
    const page = oidc.buildAuthorizationUrl(config, {
      redirect_uri: redirect.redirectUri,
      scope: provider.scopes.join(' '),
      state,
      nonce,
      max_age: String(provider.maxAgeS),
      code_challenge: createHash('sha256').update(pkceCodeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    await screen.browse(page);
    const browser = await redirect.browser(signal);
    try {
      const tokens = await oidc.authorizationCodeGrant(config, browser.url, {
        pkceCodeVerifier,
        expectedState: state,
        expectedNonce: nonce,
        idTokenExpected: true,
      });
      const used = await use(tokens);
      browser.show('signed_in');
      return used;
    } catch (error) {
      browser.show('failed');
      throw error;
    }
  } finally {
    await redirect.close();
  }
}

/** OpenID Connect knows no nonce in this flow. It is sent all the same: a provider that takes it gives a full login. */
async function byDeviceCode<T>(
  { config, provider, nonce, screen, signal }: Way,
  use: (tokens: oidc.TokenEndpointResponse) => Promise<T>,
): Promise<T> {
  const scope = provider.scopes.join(' ');
  const begun = await oidc.initiateDeviceAuthorization(config, { scope, nonce });
  const { verification_uri: url, user_code: code, verification_uri_complete: complete } = begun;
  screen.deviceCode({ url, code, ...(complete === undefined ? {} : { complete }) });
  const tokens = await oidc.pollDeviceAuthorizationGrant(config, begun, undefined, { signal });
  if (tokens.claims()?.nonce !== nonce) {
    screen.note(
      `${provider.title} does not tie a device code to your key. Bastions that check your identity themselves (trust: idp) ` +
        'refuse this login; sign in without --device-code for those.',
    );
  }
  return use(tokens);
}

/** What went wrong at the provider, in its own words where it has some. */
function providerFailure(error: unknown, title: string): DrawbridgeError {
  if (isDrawbridgeError(error)) return error;
  const inner = error instanceof Error && isDrawbridgeError(error.cause) ? error.cause : undefined;
  if (inner !== undefined) return inner;
  const said =
    error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError
      ? (error.error_description ?? error.error)
      : messageOf(error);
  const plain = said
    .replace(/[\p{Cc}\p{Cf}]/gu, ' ')
    .slice(0, 300)
    .replace(/\.$/, '');
  return new DrawbridgeError('login.provider_failed', `The sign-in at ${title} failed: ${plain}.`, {
    cause: error,
  });
}
