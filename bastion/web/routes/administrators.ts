import type { AdminInfo, SetupLink } from '../../admins/administration.ts';
import type { ProvidedInfo } from '../../admins/web-sessions.ts';
import { refuseOtherSites } from '../access-guard.ts';
import {
  administratorListSchema,
  administratorNameSchema,
  administratorRoleSchema,
  anyAdministratorNameSchema,
  completeSetupSchema,
  doneSchema,
  endedSignInsSchema,
  meSchema,
  newAdministratorSchema,
  openedSetupSchema,
  openSetupSchema,
  problemSchema,
  setupLinkSchema,
} from '../api.ts';
import { refuseStale } from '../fresh-sign-in.ts';
import { beginSession } from '../session-cookie.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Tries of set-up links per minute and address; a link has 256 random bits. */
const SETUPS_PER_MINUTE = 30;
const TAGS = ['administrators'];

/** Who the administrators are, and how they set themselves up. */
export function administratorRoutes(app: WebApp, context: RouteContext): void {
  const { admins, guard, streams } = context;
  const { administration } = admins;
  const onRequest = guard.require('admin');

  app.get(
    '/api/administrators',
    {
      onRequest,
      schema: {
        summary: 'All administrators, and who of the directory is signed in',
        tags: TAGS,
        response: { 200: administratorListSchema, '4xx': problemSchema },
      },
    },
    async () => {
      const [accounts, provided] = await Promise.all([administration.list(), admins.sessions.listProvided()]);
      return { administrators: accounts.map(describe), provided: provided.map(describeProvided) };
    },
  );

  app.post(
    '/api/administrators',
    {
      onRequest,
      schema: {
        summary: 'Add an administrator, who sets themselves up by the link in the answer',
        tags: TAGS,
        body: newAdministratorSchema,
        response: { 200: setupLinkSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { username, role } = request.body;
      return linkOf(await administration.add(guard.callerOf(request).actor, username, role));
    },
  );

  app.put(
    '/api/administrators/:username',
    {
      onRequest,
      schema: {
        summary: 'Change what an administrator may do; at once',
        tags: TAGS,
        params: administratorNameSchema,
        body: administratorRoleSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { actor } = guard.callerOf(request);
      await administration.setRole(actor, request.params.username, request.body.role);
      await streams.endStale();
      return { ok: true as const };
    },
  );

  app.delete(
    '/api/administrators/:username',
    {
      onRequest,
      schema: {
        summary: 'Remove an administrator and end their sign-ins and the API tokens that they have made',
        tags: TAGS,
        params: administratorNameSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await administration.remove(guard.callerOf(request).actor, request.params.username);
      await streams.endStale();
      return { ok: true as const };
    },
  );

  app.delete(
    '/api/administrators/:username/sign-ins',
    {
      onRequest,
      schema: {
        summary: 'End all sign-ins of an administrator, local or of the directory (`corp%2Falice`)',
        tags: TAGS,
        params: anyAdministratorNameSchema,
        response: { 200: endedSignInsSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const ended = await admins.endSignIns(guard.callerOf(request).actor, request.params.username);
      await streams.endStale();
      return { ended };
    },
  );

  app.post(
    '/api/administrators/:username/setup-link',
    {
      onRequest,
      schema: {
        summary: 'A new set-up link for an administrator who has lost a factor',
        tags: TAGS,
        params: administratorNameSchema,
        response: { 200: setupLinkSchema, '4xx': problemSchema },
      },
    },
    async (request) =>
      linkOf(await administration.link(guard.callerOf(request).actor, request.params.username)),
  );

  app.post(
    '/api/me/setup-link',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'A set-up link for oneself, to choose another password or authenticator',
        tags: ['sign-in'],
        response: { 200: setupLinkSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const caller = guard.callerOf(request);
      refuseStale(caller, context.clock);
      return linkOf(await administration.link(caller.actor, caller.name));
    },
  );

  setupRoutes(app, context);
}

/** For who holds a set-up link and nothing else. */
function setupRoutes(app: WebApp, { admins, streams }: RouteContext): void {
  const common = {
    config: { rateLimit: { max: SETUPS_PER_MINUTE, timeWindow: '1 minute' } },
    onRequest: async (request: Parameters<typeof refuseOtherSites>[0]) => refuseOtherSites(request),
  };

  app.post(
    '/api/setup/open',
    {
      ...common,
      schema: {
        summary: 'Whose set-up link it is, and what their authenticator app is to read',
        tags: ['sign-in'],
        security: [],
        body: openSetupSchema,
        response: { 200: openedSetupSchema, '4xx': problemSchema },
      },
    },
    (request) => admins.administration.open(request.body.secret),
  );

  app.post(
    '/api/setup',
    {
      ...common,
      schema: {
        summary: 'Spend a set-up link: choose a password, show that the authenticator works, be signed in',
        tags: ['sign-in'],
        security: [],
        body: completeSetupSchema,
        response: { 200: meSchema, '4xx': problemSchema },
      },
    },
    async (request, reply) => {
      const { secret, password, code } = request.body;
      const admin = await admins.administration.complete(secret, password, code, request.ip);
      await streams.endStale();
      return beginSession(admins, admin, request, reply);
    },
  );
}

function linkOf({ username, url, expiresAtMs }: SetupLink) {
  return { username, url, expiresAt: new Date(expiresAtMs).toISOString() };
}

function describeProvided({ lastSeenAtMs, ...who }: ProvidedInfo) {
  return { ...who, lastSeenAt: new Date(lastSeenAtMs).toISOString() };
}

function describe(admin: AdminInfo) {
  const { username, role, securityKeys, signIns, setupUntilMs } = admin;
  return {
    ...{ username, role, securityKeys, signIns },
    createdAt: new Date(admin.createdAtMs).toISOString(),
    ...(setupUntilMs === undefined ? {} : { setupUntil: new Date(setupUntilMs).toISOString() }),
  };
}
