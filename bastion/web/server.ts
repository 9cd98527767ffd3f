import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import cookie from '@fastify/cookie';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import Fastify from 'fastify';
import {
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import type { AuditSink, Json } from '../../shared/audit/event.ts';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import { SERVER_TLS_OPTIONS } from '../../shared/tls/options.ts';
import { limitHandshakes } from '../../shared/tunnel/handshake-limit.ts';
import { PROBE_PATH, ProbeServer } from '../../shared/tunnel/probe.ts';
import { refuseUpgrade } from '../../shared/tunnel/upgrade-refusal.ts';
import type { AdminAccounts } from '../admins/admin-accounts.ts';
import type { ProviderSignIn } from '../admins/provider/provider-sign-in.ts';
import type { ApprovalDesk } from '../approvals/desk.ts';
import type { PolicyAdministration } from '../policy/policy-administration.ts';
import type { RecordingParts } from '../search/open-library.ts';
import type { BastionService } from '../service.ts';
import { AccessGuard } from './access-guard.ts';
import type { Settings } from './api.ts';
import { EventStreams } from './event-streams.ts';
import { refusalFor } from './http-error.ts';
import { listen } from './listen.ts';
import { BastionMetrics } from './metrics.ts';
import { servePage } from './page-files.ts';
import { accessRoutes } from './routes/access.ts';
import { administratorRoutes } from './routes/administrators.ts';
import { apiTokenRoutes } from './routes/api-tokens.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { auditRoutes } from './routes/audit.ts';
import { hostRoutes } from './routes/hosts.ts';
import { machineRoutes } from './routes/machine.ts';
import { policyRoutes } from './routes/policy.ts';
import { providerRoutes } from './routes/provider.ts';
import { recordingRoutes } from './routes/recordings.ts';
import { securityKeyRoutes } from './routes/security-keys.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { settingsRoutes } from './routes/settings.ts';
import { signInRoutes } from './routes/sign-in.ts';
import { securityHeaders } from './security-headers.ts';
import type { RouteContext, WebApp } from './web-app.ts';

/** Largest request body. */
const BODY_LIMIT_BYTES = 256 * 1024;
/** Requests per minute and address, over all addresses of the API. */
const REQUESTS_PER_MINUTE = 1_200;
/** Addresses whose requests are counted at once. */
const RATE_LIMIT_ADDRESSES = 5_000;
/** TCP connections at once: agents' tunnels, pages and scrapers together. More are closed at once. */
const CONNECTION_LIMIT = 4_096;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_TIMEOUT_MS = 30_000;

/** What the web server is made of. */
export interface WebServerDeps {
  readonly service: BastionService;
  readonly policies: PolicyAdministration;
  readonly recordings?: RecordingParts;
  readonly admins: AdminAccounts;
  /** Sign-in by the customer's directory, where one is configured. */
  readonly provider?: ProviderSignIn;
  readonly desk: ApprovalDesk;
  /** Takes the agents' tunnels (`/tunnel`). */
  readonly acceptor: { handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void };
  enrol(body: unknown, address: string): Promise<{ status: number; body: Json }>;
  wellKnown(): Promise<Json>;
  /** Prometheus text of other parts of the bastion. */
  metrics?(): Promise<string>;
  readonly tls: { readonly cert: string; readonly key: string };
  /** Addresses whose X-Forwarded-For counts; of nobody else. */
  readonly reverseProxies?: readonly string[];
  settings(): Settings;
  /** Folder of the built page. */
  readonly pageDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly audit: AuditSink;
}

/** The bastion's web server: page, API, enrolment and the agents' tunnels on one HTTPS port. */
export interface WebServer {
  /**
   * Starts to listen and gives the address, like `https://127.0.0.1:8443`.
   * @throws `listen.in_use`, `listen.not_permitted`, `listen.no_such_address`.
   */
  listen(host: string, port: number): Promise<string>;
  /** All figures of this bastion, as `/metrics` answers them. */
  metrics(): Promise<string>;
  /** Serves another certificate to connections that begin from now on. PEM texts. */
  useCertificate(tls: { readonly cert: string; readonly key: string }): void;
  /** Ends streams and connections, but not tunnels: those are the acceptor's. Safe to call twice. */
  close(): Promise<void>;
}

export async function createWebServer(deps: WebServerDeps): Promise<WebServer> {
  const app: WebApp = Fastify({
    https: { ...SERVER_TLS_OPTIONS, ...deps.tls, handshakeTimeout: HANDSHAKE_TIMEOUT_MS },
    bodyLimit: BODY_LIMIT_BYTES,
    trustProxy:
      deps.reverseProxies === undefined || deps.reverseProxies.length === 0
        ? false
        : [...deps.reverseProxies],
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 256 },
  }).withTypeProvider<ZodTypeProvider>();
  app.server.maxConnections = CONNECTION_LIMIT;
  limitHandshakes(app.server);
  app.server.headersTimeout = HEADERS_TIMEOUT_MS;
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = refusalFor(error, deps.log);
    return reply.status(status).header('cache-control', 'no-store').send(body);
  });
  takeJsonOnly(app);

  const guard = new AccessGuard(deps.admins);
  const streams = new EventStreams({ clock: deps.clock, guard });
  const metrics = new BastionMetrics(() => deps.service.status());
  const allMetrics = async () => [await metrics.text(), (await deps.metrics?.()) ?? ''].join('\n');
  const context: RouteContext = { ...deps, guard, streams };
  app.addHook('onResponse', async (request, reply) => metrics.countRequest(request.method, reply.statusCode));

  await app.register(cookie);
  await securityHeaders(app);
  await app.register(rateLimit, {
    max: REQUESTS_PER_MINUTE,
    timeWindow: '1 minute',
    cache: RATE_LIMIT_ADDRESSES,
    errorResponseBuilder: (_request, limit) =>
      new DrawbridgeError('request.too_many', 'There were too many requests from your address.', {
        hint: `Try again in ${limit.after}.`,
      }),
  });
  await describeApi(app);
  await servePage(app, deps.pageDir);
  signInRoutes(app, context);
  providerRoutes(app, context, deps.provider);
  accessRoutes(app, context);
  sessionRoutes(app, context);
  recordingRoutes(app, context);
  auditRoutes(app, context);
  hostRoutes(app, context);
  approvalRoutes(app, context, deps.desk);
  policyRoutes(app, context, deps.policies);
  apiTokenRoutes(app, context);
  administratorRoutes(app, context);
  settingsRoutes(app, context, deps.settings);
  securityKeyRoutes(app, context);
  machineRoutes(app, context, {
    enrol: deps.enrol,
    wellKnown: deps.wellKnown,
    metrics: { contentType: metrics.contentType, text: allMetrics },
  });
  passTunnelsOn(app, deps);
  await app.ready();

  const close = async () => {
    streams.close();
    const closed = app.close();
    app.server.closeAllConnections();
    await closed;
  };
  let closing: Promise<void> | undefined;
  return {
    listen: (host, port) => listen(app.server, host, port),
    metrics: allMetrics,
    useCertificate: ({ cert, key }) => app.server.setSecureContext({ ...SERVER_TLS_OPTIONS, cert, key }),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** JSON is the only body that this server reads; an empty one counts as none. */
function takeJsonOnly(app: WebApp): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    if (text === '') return done(null, undefined);
    try {
      done(null, JSON.parse(text.toString()));
    } catch (cause) {
      const error = new DrawbridgeError('request.malformed', 'The body of the request is not valid JSON.', {
        cause,
      });
      done(error);
    }
  });
}

async function describeApi(app: WebApp): Promise<void> {
  await app.register(swagger, {
    openapi: {
      info: {
        title: 'Drawbridge bastion',
        version: '1',
        description:
          'Everything that the page does, for programs. Sign in for a cookie, or use an API token.',
      },
      components: {
        securitySchemes: {
          cookie: { type: 'apiKey', in: 'cookie', name: '__Host-drawbridge' },
          bearer: { type: 'http', scheme: 'bearer' },
        },
      },
      security: [{ cookie: [] }, { bearer: [] }],
    },
    transform: jsonSchemaTransform,
  });
  app.get('/api/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

function passTunnelsOn(app: WebApp, deps: WebServerDeps): void {
  const probes = new ProbeServer(deps.clock);
  app.addHook('preClose', async () => probes.close());
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', (error) => deps.log.debug({ err: error }, 'a connection broke while it was upgraded'));
    const path = request.url?.split('?')[0];
    if (path === '/tunnel') return deps.acceptor.handleUpgrade(request, socket, head);
    if (path === PROBE_PATH) return probes.handleUpgrade(request, socket, head);
    refuseUpgrade(socket, 404, 'request.not_found', 'There is nothing at this address.');
  });
}
