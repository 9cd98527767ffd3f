import type { FastifyRequest } from 'fastify';
import type { ProviderSignIn } from '../../admins/provider/provider-sign-in.ts';
import { CALLBACK_PATH } from '../../admins/provider/provider-sign-in.ts';
import { refuseOtherSites } from '../access-guard.ts';
import { problemSchema, providerAnswerSchema, providerStartSchema, signInWaysSchema } from '../api.ts';
import { nothingHere } from '../http-error.ts';
import { beginSession, forgetPending, keepPending, PROVIDER_COOKIE } from '../session-cookie.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Sign-ins by the directory per minute and address, before the limit of those that fail. */
const SIGN_INS_PER_MINUTE = 60;

/** From the callback to the page: relative, so that it holds under the path of a reverse proxy too. */
const PAGE = '../../../';
/** The page says one sentence for it, whatever was wrong. */
const REFUSED_PAGE = `${PAGE}#provider-refused`;

/** Sign-in by the customer's directory (OpenID Connect). */
export function providerRoutes(
  app: WebApp,
  { admins }: RouteContext,
  provider: ProviderSignIn | undefined,
): void {
  const config = { rateLimit: { max: SIGN_INS_PER_MINUTE, timeWindow: '1 minute' } };

  app.get(
    '/api/login/ways',
    {
      schema: {
        summary: 'How one may sign in besides password, code and security key',
        tags: ['sign-in'],
        security: [],
        response: { 200: signInWaysSchema, '4xx': problemSchema },
      },
    },
    async () => (provider === undefined ? {} : { provider: { title: provider.title } }),
  );

  app.post(
    '/api/login/provider',
    {
      config,
      onRequest: async (request: FastifyRequest) => refuseOtherSites(request),
      schema: {
        summary: 'Begin a sign-in by the directory; sets a cookie that it ends with',
        tags: ['sign-in'],
        security: [],
        response: { 200: providerStartSchema, '4xx': problemSchema, '5xx': problemSchema },
      },
    },
    async (request, reply) => {
      if (provider === undefined) throw nothingHere();
      const { location, secret } = await provider.begin(request.ip);
      keepPending(reply, secret);
      return { location };
    },
  );

  app.get(
    CALLBACK_PATH,
    {
      // What another page has a browser load comes without the cookie, and must use up no answer of whoever signs in.
      config: { rateLimit: { ...config.rateLimit, allowList: isStray } },
      schema: {
        summary:
          'Where the directory sends the browser back to; sets the session cookie and goes on to the page',
        tags: ['sign-in'],
        security: [],
        querystring: providerAnswerSchema,
      },
    },
    async (request, reply) => {
      if (provider === undefined) throw nothingHere();
      const outcome = await provider.finish(request.query, request.cookies[PROVIDER_COOKIE], request.ip);
      // A stray leaves the cookie to the sign-in that it belongs to.
      if (outcome.kind !== 'stray') forgetPending(reply);
      if (outcome.kind !== 'admitted') return reply.redirect(REFUSED_PAGE);
      await beginSession(admins, outcome.admin, request, reply);
      return reply.redirect(PAGE);
    },
  );
}

function isStray({ headers }: FastifyRequest): boolean {
  return headers.cookie?.includes(PROVIDER_COOKIE) !== true;
}
