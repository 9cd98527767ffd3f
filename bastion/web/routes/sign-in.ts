import type { AuthenticationResponseJSON } from '@simplewebauthn/server';
import type { FastifyRequest } from 'fastify';
import { DrawbridgeError } from '../../../shared/errors.ts';
import { refuseOtherSites } from '../access-guard.ts';
import {
  ceremonySchema,
  doneSchema,
  keySignInSchema,
  meSchema,
  problemSchema,
  signInSchema,
  webSessionIdSchema,
  webSessionListSchema,
} from '../api.ts';
import { beginSession, clearSession } from '../session-cookie.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Requests to sign in per minute and address, before the accounts' own limits count failures. */
const SIGN_INS_PER_MINUTE = 60;

/** Signing in and out, and who one is. */
export function signInRoutes(app: WebApp, context: RouteContext): void {
  const { admins, guard, streams } = context;

  app.post(
    '/api/login',
    {
      config: { rateLimit: { max: SIGN_INS_PER_MINUTE, timeWindow: '1 minute' } },
      onRequest: async (request: FastifyRequest) => refuseOtherSites(request),
      schema: {
        summary: 'Sign in with password and one-time code; sets the session cookie',
        tags: ['sign-in'],
        security: [],
        body: signInSchema,
        response: { 200: meSchema, '4xx': problemSchema },
      },
    },
    async (request, reply) => {
      const { username, password, code } = request.body;
      const admin = await admins.verify(username, password, code, request.ip);
      return beginSession(admins, admin, request, reply);
    },
  );

  app.post(
    '/api/login/security-key/options',
    {
      config: { rateLimit: { max: SIGN_INS_PER_MINUTE, timeWindow: '1 minute' } },
      onRequest: async (request: FastifyRequest) => refuseOtherSites(request),
      schema: {
        summary: 'A challenge for a security key (WebAuthn)',
        tags: ['sign-in'],
        security: [],
        response: { 200: ceremonySchema, '4xx': problemSchema },
      },
    },
    async () => ({ options: { ...(await admins.securityKeys.signInOptions()) } }),
  );

  app.post(
    '/api/login/security-key',
    {
      config: { rateLimit: { max: SIGN_INS_PER_MINUTE, timeWindow: '1 minute' } },
      onRequest: async (request: FastifyRequest) => refuseOtherSites(request),
      schema: {
        summary: 'Sign in with the answer of a security key that has verified its user',
        tags: ['sign-in'],
        security: [],
        body: keySignInSchema,
        response: { 200: meSchema, '4xx': problemSchema },
      },
    },
    async (request, reply) => {
      // The library checks what is inside; the schema has made sure of the outer shape.
      const response = request.body.response as AuthenticationResponseJSON;
      return beginSession(admins, await admins.verifyKey(response, request.ip), request, reply);
    },
  );

  app.post(
    '/api/logout',
    {
      onRequest: guard.require('viewer'),
      schema: { summary: 'Sign out', tags: ['sign-in'], response: { 200: doneSchema, '4xx': problemSchema } },
    },
    async (request, reply) => {
      const caller = guard.callerOf(request);
      if (caller.via.kind === 'cookie') await admins.signOut(caller.name, caller.via.secret);
      await streams.endStale();
      clearSession(reply);
      return { ok: true as const };
    },
  );

  app.get(
    '/api/me',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Who is signed in',
        tags: ['sign-in'],
        response: { 200: meSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { name, role, via } = guard.callerOf(request);
      const expiry =
        via.kind === 'cookie'
          ? { expiresAt: new Date(via.expiresAtMs).toISOString(), provided: via.provided }
          : {};
      return { username: name, role, ...expiry };
    },
  );

  app.get(
    '/api/me/sessions',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Your own sign-ins that are still good',
        tags: ['sign-in'],
        response: { 200: webSessionListSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { name, via } = guard.callerOf(request);
      const current = via.kind === 'cookie' ? via.sessionId : undefined;
      const sessions = via.kind === 'cookie' ? await admins.sessions.list(name) : [];
      return {
        sessions: sessions.map((session) => ({
          id: session.id,
          address: session.address,
          createdAt: new Date(session.createdAtMs).toISOString(),
          lastSeenAt: new Date(session.lastSeenAtMs).toISOString(),
          current: session.id === current,
        })),
      };
    },
  );

  app.delete(
    '/api/me/sessions/:id',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'End one of your own sign-ins',
        tags: ['sign-in'],
        params: webSessionIdSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { name, via } = guard.callerOf(request);
      const ended = via.kind === 'cookie' && (await admins.sessions.revoke(name, request.params.id));
      if (!ended) throw new DrawbridgeError('login.not_found', 'There is no such sign-in.');
      await streams.endStale();
      return { ok: true as const };
    },
  );
}
