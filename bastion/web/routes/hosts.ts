import {
  doneSchema,
  hostListSchema,
  hostNameSchema,
  joinTokenRequestSchema,
  joinTokenSchema,
  problemSchema,
} from '../api.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Hosts, and how one joins. */
export function hostRoutes(app: WebApp, context: RouteContext): void {
  const { guard, service } = context;

  app.get(
    '/api/hosts',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'All hosts',
        tags: ['hosts'],
        response: { 200: hostListSchema, '4xx': problemSchema },
      },
    },
    async () => ({ hosts: await service.listHosts() }),
  );

  app.post(
    '/api/hosts/:name/revoke',
    {
      onRequest: guard.require('admin'),
      schema: {
        summary: "End a host's tunnel at once and refuse it from then on",
        tags: ['hosts'],
        params: hostNameSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await service.revokeHost(guard.callerOf(request).actor, request.params.name);
      return { ok: true as const };
    },
  );

  app.post(
    '/api/tokens',
    {
      onRequest: guard.require('admin'),
      schema: {
        summary: 'Make a join token for a host: single use, 30 minutes',
        tags: ['hosts'],
        body: joinTokenRequestSchema,
        response: { 200: joinTokenSchema, '4xx': problemSchema },
      },
    },
    (request) => {
      const { name, labels } = request.body;
      return service.createJoinToken(guard.callerOf(request).actor, {
        name,
        ...(labels === undefined ? {} : { labels }),
      });
    },
  );
}
