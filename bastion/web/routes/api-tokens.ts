import type { ApiTokenInfo } from '../../admins/api-tokens.ts';
import {
  type ApiToken,
  apiTokenListSchema,
  apiTokenNameSchema,
  apiTokenRequestSchema,
  createdApiTokenSchema,
  doneSchema,
  problemSchema,
} from '../api.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Tokens with which programs use this API. */
export function apiTokenRoutes(app: WebApp, context: RouteContext): void {
  const { admins, guard, streams } = context;

  app.get(
    '/api/api-tokens',
    {
      onRequest: guard.require('admin'),
      schema: {
        summary: 'All API tokens, without their secrets',
        tags: ['api-tokens'],
        response: { 200: apiTokenListSchema, '4xx': problemSchema },
      },
    },
    async () => ({ tokens: (await admins.tokens.list()).map(describe) }),
  );

  app.post(
    '/api/api-tokens',
    {
      onRequest: guard.require('admin'),
      schema: {
        summary: 'Make an API token; its secret is shown this once',
        tags: ['api-tokens'],
        body: apiTokenRequestSchema,
        response: { 200: createdApiTokenSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { name, role } = request.body;
      const token = await admins.createToken(guard.callerOf(request).actor, name, role);
      return { ...describe(token), token: token.secret };
    },
  );

  app.delete(
    '/api/api-tokens/:name',
    {
      onRequest: guard.require('admin'),
      schema: {
        summary: 'Revoke an API token',
        tags: ['api-tokens'],
        params: apiTokenNameSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await admins.revokeToken(guard.callerOf(request).actor, request.params.name);
      await streams.endStale();
      return { ok: true as const };
    },
  );
}

function describe(token: ApiTokenInfo): ApiToken {
  return {
    name: token.name,
    role: token.role,
    createdBy: token.createdBy,
    createdAt: new Date(token.createdAtMs).toISOString(),
    ...(token.lastUsedAtMs === undefined ? {} : { lastUsedAt: new Date(token.lastUsedAtMs).toISOString() }),
  };
}
