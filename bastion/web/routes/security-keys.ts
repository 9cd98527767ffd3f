import type { RegistrationResponseJSON } from '@simplewebauthn/server';
import {
  ceremonySchema,
  doneSchema,
  newSecurityKeySchema,
  problemSchema,
  securityKeyListSchema,
  securityKeyNameSchema,
} from '../api.ts';
import { refuseStale } from '../fresh-sign-in.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

const TAGS = ['sign-in'];

/** One's own security keys. */
export function securityKeyRoutes(app: WebApp, context: RouteContext): void {
  const { admins, guard, clock } = context;
  const onRequest = guard.require('viewer');

  app.get(
    '/api/me/security-keys',
    {
      onRequest,
      schema: {
        summary: 'Your own security keys',
        tags: TAGS,
        response: { 200: securityKeyListSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { name, via } = guard.callerOf(request);
      const keys = via.kind === 'cookie' ? await admins.securityKeys.list(name) : [];
      return {
        keys: keys.map((key) => ({
          name: key.name,
          addedAt: new Date(key.addedAtMs).toISOString(),
          ...(key.lastUsedAtMs === undefined ? {} : { lastUsedAt: new Date(key.lastUsedAtMs).toISOString() }),
        })),
      };
    },
  );

  app.post(
    '/api/me/security-keys/options',
    {
      onRequest,
      schema: {
        summary: 'What to ask a new security key for (WebAuthn)',
        tags: TAGS,
        response: { 200: ceremonySchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const caller = guard.callerOf(request);
      refuseStale(caller, clock);
      return { options: { ...(await admins.securityKeys.registrationOptions(caller.name)) } };
    },
  );

  app.post(
    '/api/me/security-keys',
    {
      onRequest,
      schema: {
        summary: 'Keep a new security key',
        tags: TAGS,
        body: newSecurityKeySchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const caller = guard.callerOf(request);
      refuseStale(caller, clock);
      const { name, response } = request.body;
      // The library checks what is inside; the schema has made sure of the outer shape.
      const answer = response as RegistrationResponseJSON;
      await admins.securityKeys.register(caller.actor, caller.name, name, answer);
      return { ok: true as const };
    },
  );

  app.delete(
    '/api/me/security-keys/:name',
    {
      onRequest,
      schema: {
        summary: 'Remove one of your own security keys',
        tags: TAGS,
        params: securityKeyNameSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const caller = guard.callerOf(request);
      refuseStale(caller, clock);
      await admins.securityKeys.remove(caller.actor, caller.name, request.params.name);
      return { ok: true as const };
    },
  );
}
