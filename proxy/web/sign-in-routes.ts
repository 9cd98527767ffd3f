import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Authenticators } from '../accounts/authenticators.ts';
import type { BrowserSignIn } from '../accounts/browser-sign-in.ts';
import type { FactorAdministration } from '../accounts/factor-administration.ts';
import type { OperatorTokens } from '../accounts/operator-tokens.ts';
import type { SecurityKeys } from '../accounts/security-keys.ts';
import type { ProxyApi } from './api.ts';
import { parseWith } from './parse-body.ts';
import { bearerOf, loginKeyFields, sourceOf } from './request-fields.ts';
import { serveSignInPage } from './sign-in-page.ts';

/** A login this fresh may add a security key: whoever finds an open terminal later may not. */
export const FRESH_LOGIN_MS = 10 * 60_000;

const opaque = z.string().min(1).max(128);
const text = z.string().max(64 * 1024);

/** Outer shape of what a browser's `navigator.credentials` gives, in JSON; the library checks what is inside. */
const registrationResponse = z.object({
  id: opaque.max(2048),
  rawId: opaque.max(2048),
  type: z.literal('public-key'),
  clientExtensionResults: z.looseObject({}),
  authenticatorAttachment: text.optional(),
  response: z.object({
    clientDataJSON: text,
    attestationObject: text,
    transports: z.array(z.string().max(32)).max(8).optional(),
  }),
});
const authenticationResponse = z.object({
  id: z.string().min(1).max(2048),
  rawId: z.string().min(1).max(2048),
  type: z.literal('public-key'),
  clientExtensionResults: z.looseObject({}),
  authenticatorAttachment: text.optional(),
  response: z.object({
    clientDataJSON: text,
    authenticatorData: text,
    signature: text,
    userHandle: text.optional(),
  }),
});

const beginSchema = z.object({ publicKey: loginKeyFields.publicKey, lifetimeMs: loginKeyFields.lifetimeMs });
const ownSchema = z.object({ id: opaque, secret: opaque });
const finishSchema = ownSchema.extend({ deviceProof: loginKeyFields.deviceProof });
const idSchema = z.object({ id: opaque });
const answerSchema = z.object({ id: opaque, response: authenticationResponse });
const linkSchema = z.object({ secret: opaque });
const registerSchema = z.object({ secret: opaque, name: z.string().max(64), response: registrationResponse });

const codeSchema = z.object({ secret: opaque, code: z.string().min(1).max(32) });

/** What the routes of sign-in by browser need. */
export interface SignInRouteParts {
  readonly browserSignIn: BrowserSignIn;
  readonly securityKeys: SecurityKeys;
  readonly authenticators: Authenticators;
  readonly factors: FactorAdministration;
  readonly tokens: OperatorTokens;
  readonly clock: Clock;
}

/** Sign-in with a security key: for the command (`/api/sign-in…`), the page, and who is to register one. */
export async function addSignInRoutes(
  server: FastifyInstance,
  api: ProxyApi,
  parts: SignInRouteParts,
): Promise<void> {
  const { browserSignIn, securityKeys } = parts;
  server.post('/api/sign-in', async (request) =>
    browserSignIn.begin({ ...parseWith(beginSchema, request.body), source: sourceOf(request) }),
  );
  server.post('/api/sign-in/state', async (request) => {
    const { id, secret } = parseWith(ownSchema, request.body);
    return { state: browserSignIn.stateFor(id, secret) };
  });
  server.post('/api/sign-in/finish', async (request) => {
    const { id, secret, deviceProof } = parseWith(finishSchema, request.body);
    return api.viewOf(await browserSignIn.finish(id, secret, deviceProof));
  });

  server.post('/api/sign-in/show', async (request) =>
    browserSignIn.show(parseWith(idSchema, request.body).id, sourceOf(request)),
  );
  server.post('/api/sign-in/challenge', async (request) =>
    browserSignIn.challenge(parseWith(idSchema, request.body).id),
  );
  server.post('/api/sign-in/answer', async (request) => {
    const { id, response } = parseWith(answerSchema, request.body);
    return browserSignIn.answer(id, response as AuthenticationResponseJSON, sourceOf(request));
  });
  server.post('/api/sign-in/deny', async (request) => {
    await browserSignIn.deny(parseWith(idSchema, request.body).id, sourceOf(request));
    return { ok: true };
  });

  server.post('/api/register/challenge', async (request) =>
    securityKeys.beginRegistration(parseWith(linkSchema, request.body).secret, sourceOf(request)),
  );
  server.post('/api/register/answer', async (request) => {
    const { secret, name, response } = parseWith(registerSchema, request.body);
    const given = { name, response: response as RegistrationResponseJSON };
    return securityKeys.finishRegistration(secret, given, sourceOf(request));
  });
  server.post('/api/authenticator/begin', async (request) =>
    parts.authenticators.begin(parseWith(linkSchema, request.body).secret, sourceOf(request)),
  );
  server.post('/api/authenticator/finish', async (request) => {
    const { secret, code } = parseWith(codeSchema, request.body);
    return parts.authenticators.finish(secret, code, sourceOf(request));
  });
  server.post('/api/operator/security-keys', async (request) => {
    const { username, authTimeMs } = await parts.tokens.verify(bearerOf(request), sourceOf(request));
    if (parts.clock.nowMs() - authTimeMs > FRESH_LOGIN_MS) {
      throw new DrawbridgeError('login.not_fresh', 'Your login is too old to add a security key.', {
        hint: 'Log in again with `drawbridge login`, and add the key within ten minutes.',
      });
    }
    return parts.factors.createOwnRegistrationLink(username);
  });
  await serveSignInPage(server);
}
