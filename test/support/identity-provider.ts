import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import Provider, { type Configuration, type JWK } from 'oidc-provider';
import { onTestFinished } from 'vitest';
import type { ProviderConfig } from '../../proxy/providers/config.ts';
import { ID_TOKEN_ALGORITHMS } from '../../shared/identity/provider/key-set.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { createTestCertificate } from './test-certificate.ts';

/** Whom the provider describes, and how. Changed between sign-ins. */
export interface DescribedPerson {
  sub: string;
  claims: Record<string, unknown>;
  amr: string[];
}

/** A real OpenID provider on loopback; it ends with the test. */
export interface TestIdentityProvider {
  readonly issuer: string;
  readonly ca: string;
  /** `ca` in a file, for `egress.caBundle`. */
  readonly caPath: string;
  readonly person: DescribedPerson;
  /** The provider as a proxy's configuration names it. */
  config(more?: Partial<ProviderConfig>): ProviderConfig;
  /** New keys; the old ones are published no more. */
  rotateKeys(): void;
  /** Signs the person in at a page of the provider, as a browser without JavaScript would. Gives the last page. */
  signIn(page: string): Promise<string>;
  /** The same, but gives the address that the provider sends the browser back to, without going there. */
  comeBack(page: string): Promise<URL>;
  /** ID tokens as its token endpoint gave them, and what it is to give next instead. */
  readonly tokens: { readonly given: string[]; next?: string };
}

/** A confidential client, as a server is. */
export interface TestWebClient {
  readonly id: string;
  readonly secret: string;
  readonly redirectUri: string;
}

const CLIENT_ID = 'drawbridge';
const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

export async function startIdentityProvider(
  webClients: readonly TestWebClient[] = [],
): Promise<TestIdentityProvider> {
  const { ca, cert, key } = await createTestCertificate('Identity Provider Authority');
  const person: DescribedPerson = {
    sub: 'subject-of-alice',
    claims: { preferred_username: 'alice', groups: ['support'] },
    amr: ['pwd', 'otp', 'mfa'],
  };
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  const server = createServer({ cert, key }, (request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const caPath = join(temporaryDirectory(), 'provider-ca.pem');
  writeFileSync(caPath, ca);
  const tokens: TestIdentityProvider['tokens'] = { given: [] };
  const rotateKeys = (): void => {
    const settings = configuration(person, [freshKey()], webClients);
    const standard = handlerOf(new Provider(issuer, settings), person);
    handle = (request, response) => {
      if (request.url === '/token') overhear(response, tokens);
      standard(request, response);
    };
  };
  rotateKeys();
  return {
    issuer,
    ca,
    caPath,
    person,
    rotateKeys,
    config: (more = {}) => ({
      name: 'test',
      title: 'Test Provider',
      issuer,
      clientId: CLIENT_ID,
      scopes: ['openid', 'profile'],
      algorithms: [...ID_TOKEN_ALGORITHMS],
      usernameClaim: 'preferred_username',
      groupsClaim: 'groups',
      acrMeans: {},
      reauthenticateAfter: 3_600_000,
      deviceCode: true,
      redirectUri: 'http://127.0.0.1/callback',
      ...more,
    }),
    signIn: (page) => new ScriptedBrowser(ca).signIn(page),
    comeBack: (page) => new ScriptedBrowser(ca).comeBack(page),
    tokens,
  };
}

function freshKey(): JWK {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const kid = randomBytes(6).toString('hex');
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' } as JWK;
}

/** Notes the ID token in an answer, or puts another in its place. */
function overhear(response: ServerResponse, tokens: TestIdentityProvider['tokens']): void {
  const end = response.end.bind(response);
  response.end = ((body?: unknown) => {
    const answer = JSON.parse(String(body)) as { id_token?: string };
    if (answer.id_token === undefined) return end(String(body));
    tokens.given.push(answer.id_token);
    const text = JSON.stringify({ ...answer, id_token: tokens.next ?? answer.id_token });
    delete tokens.next;
    response.setHeader('content-length', Buffer.byteLength(text));
    return end(text);
  }) as ServerResponse['end'];
}

function configuration(
  person: DescribedPerson,
  keys: JWK[],
  webClients: readonly TestWebClient[],
): Configuration {
  return {
    clients: [
      {
        client_id: CLIENT_ID,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', DEVICE_GRANT],
        response_types: ['code'],
        redirect_uris: ['http://127.0.0.1/callback'],
      },
      ...webClients.map(({ id, secret, redirectUri }) => ({
        client_id: id,
        client_secret: secret,
        redirect_uris: [redirectUri],
      })),
    ],
    jwks: { keys },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    conformIdTokenClaims: false,
    claims: {
      openid: ['sub', 'auth_time', 'amr'],
      profile: ['preferred_username', 'groups', '_claim_names'],
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (context, form) => {
          context.body = `<html>${form}<button type="submit" form="op.deviceInputForm">Continue</button></html>`;
        },
        userCodeConfirmSource: (context, form) => {
          context.body = `<html>${form}<button type="submit" form="op.deviceConfirmForm">Confirm</button></html>`;
        },
        successSource: (context) => {
          context.body = '<html>device signed in</html>';
        },
      },
    },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, amr: person.amr, ...person.claims }),
    }),
    async loadExistingGrant(context) {
      const { client, session, provider, params } = context.oidc;
      const grant = new provider.Grant({
        clientId: client?.clientId ?? CLIENT_ID,
        accountId: session?.accountId ?? person.sub,
      });
      grant.addOIDCScope(String(params?.['scope'] ?? 'openid profile'));
      await grant.save();
      return grant;
    },
    ttl: { Session: 3600, Interaction: 600, Grant: 3600, AccessToken: 600, IdToken: 600, DeviceCode: 600 },
  };
}

function handlerOf(provider: Provider, person: DescribedPerson) {
  const standard = provider.callback();
  return (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname } = new URL(request.url ?? '/', provider.issuer);
    if (!pathname.startsWith('/interaction/')) {
      void standard(request, response);
      return;
    }
    if (request.method === 'POST') {
      const login = { accountId: person.sub, amr: person.amr, remember: false };
      // Native clients are asked for consent each time; the one button says both.
      void provider.interactionFinished(request, response, { login, consent: {} });
      return;
    }
    response
      .writeHead(200, { 'content-type': 'text/html' })
      .end(
        `<html><form method="post" action="${pathname}"><button type="submit">Sign in as alice</button></form></html>`,
      );
  };
}

/** Follows redirects and submits whatever form it meets, with cookies. */
class ScriptedBrowser {
  readonly #ca: string;
  readonly #cookies = new Map<string, string>();

  constructor(ca: string) {
    this.#ca = ca;
  }

  async signIn(page: string): Promise<string> {
    return (await this.#follow(page, () => false)).text;
  }

  async comeBack(page: string): Promise<URL> {
    const { origin } = new URL(page);
    const { location } = await this.#follow(page, (next) => next.origin !== origin);
    if (location === undefined) throw new Error('the provider sent the browser nowhere else');
    return location;
  }

  async #follow(page: string, isEnd: (next: URL) => boolean) {
    let answer = await this.#visit('GET', new URL(page));
    for (let step = 0; step < 12; step += 1) {
      if (answer.location !== undefined) {
        if (isEnd(answer.location)) return answer;
        answer = await this.#visit('GET', answer.location);
        continue;
      }
      const form = /<form[^>]*action="([^"]+)"[^>]*>([\s\S]*?)<\/form>/.exec(answer.text);
      if (form === null) return answer;
      const fields = [...(form[2] ?? '').matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g)];
      const body = new URLSearchParams(
        fields.map(([, name = '', value = '']): [string, string] => [name, value]),
      );
      answer = await this.#visit('POST', new URL(form[1] ?? '', answer.url), body.toString());
    }
    throw new Error(`no end of redirects at ${answer.url.href}`);
  }

  #visit(
    method: string,
    url: URL,
    body?: string,
  ): Promise<{ url: URL; text: string; location: URL | undefined }> {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    return new Promise((resolve, reject) => {
      const request = send(
        url,
        {
          method,
          ca: this.#ca,
          agent: false,
          headers: {
            cookie,
            ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          },
        },
        (response) => {
          for (const line of response.headers['set-cookie'] ?? []) {
            const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
            this.#cookies.set(name, value);
          }
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const { location } = response.headers;
            resolve({
              url,
              text: Buffer.concat(chunks).toString(),
              location: location === undefined ? undefined : new URL(location, url),
            });
          });
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }
}
