import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server as HttpsServer } from 'node:https';
import { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fastify } from 'fastify';
import type { Clock } from '../../shared/clock.ts';
import { messageOf, systemCodeOf } from '../../shared/errors.ts';
import { listenFault } from '../../shared/listen-fault.ts';
import type { Logger } from '../../shared/log.ts';
import type { RoleMetrics } from '../../shared/metrics/role-metrics.ts';
import { SERVER_TLS_OPTIONS } from '../../shared/tls/options.ts';
import { limitHandshakes } from '../../shared/tunnel/handshake-limit.ts';
import type { ProxyApi } from './api.ts';
import { httpRefusalOf } from './http-errors.ts';
import { addRoutes } from './routes.ts';
import { addSignInRoutes, type SignInRouteParts } from './sign-in-routes.ts';
import type { Upgrades } from './upgrades.ts';

/** The largest body is an enrolment (a signed document of at most 48 KiB inside another). */
const BODY_LIMIT_BYTES = 128 * 1024;
/** A client must have sent its whole request after so long. */
const REQUEST_TIMEOUT_MS = 15_000;
const HEADERS_TIMEOUT_MS = 10_000;
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 10_000;
/** So often Node looks whose time is over. */
const TIMEOUT_CHECK_MS = 2_000;
/** Sockets that are on their way out have so long to take the last bytes and to close by themselves. */
const CLOSE_LINGER_MS = 1_000;
/** TLS connections at once, tunnels included; each takes about 45 KiB. Further ones are dropped. */
const CONNECTION_LIMIT = 12_000;
const HEADER_COUNT_LIMIT = 64;
/** So soon a vanished client's connection is found out by the system. */
const KEEP_ALIVE_DELAY_MS = 15_000;

/** The proxy's HTTPS listener. */
export interface ProxyWebServer {
  /** Listens; gives the port. @throws `listen.in_use`, `listen.failed`. */
  listen(host: string, port: number): Promise<number>;
  /** Serves another certificate to connections that begin from now on. PEM texts. */
  useCertificate(tls: { readonly cert: string; readonly key: string }): void;
  /** Closes the listener and every connection; those that have left HTTP get a moment to end in order. */
  close(): Promise<void>;
}

/** The HTTPS API and the WebSocket ends on one port. */
export async function createProxyWebServer(parts: {
  readonly api: ProxyApi;
  readonly signIn: SignInRouteParts;
  readonly upgrades: Upgrades;
  readonly metrics: RoleMetrics;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly clock: Clock;
  readonly log: Logger;
}): Promise<ProxyWebServer> {
  const { log } = parts;
  const create = (handler: (request: IncomingMessage, response: ServerResponse) => void): HttpsServer =>
    createServer(
      {
        ...SERVER_TLS_OPTIONS,
        cert: parts.tls.cert,
        key: parts.tls.key,
        handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        headersTimeout: HEADERS_TIMEOUT_MS,
        keepAliveTimeout: IDLE_TIMEOUT_MS,
        connectionsCheckingInterval: TIMEOUT_CHECK_MS,
        noDelay: true,
        keepAlive: true,
        keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
      },
      handler,
    );
  const app = fastify({
    serverFactory: create,
    bodyLimit: BODY_LIMIT_BYTES,
    logger: false,
    return503OnClosing: true,
    forceCloseConnections: true,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: garbageAnswerer(parts.clock),
    frameworkErrors: (error, _request, reply) => answerBadUrl(error, reply.raw),
  });
  app.removeContentTypeParser('text/plain');
  app.setErrorHandler(async (error, request, reply) => {
    const { status, body } = httpRefusalOf(error);
    if (status >= 500) log.error({ err: error, path: request.routeOptions.url }, 'a request failed');
    return reply.code(status).send(body);
  });
  app.setNotFoundHandler(async (_request, reply) =>
    reply.code(404).send({ code: 'request.not_found', message: 'There is nothing at this path.' }),
  );
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    reply.header('x-content-type-options', 'nosniff');
  });
  addRoutes(app, parts.api, parts.metrics);
  await addSignInRoutes(app, parts.api, parts.signIn);
  await app.ready();

  const server = app.server;
  const upgraded = new Set<Duplex>();
  server.maxConnections = CONNECTION_LIMIT;
  limitHandshakes(server);
  server.maxHeadersCount = HEADER_COUNT_LIMIT;
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // HTTP's own limits of time end here; what speaks next has its own.
    if (socket instanceof Socket) socket.setTimeout(0);
    upgraded.add(socket);
    socket.once('close', () => upgraded.delete(socket));
    parts.upgrades.handle(request, socket, head);
  });
  server.on('tlsClientError', (error) => {
    log.debug({ problem: messageOf(error) }, 'a TLS handshake failed');
  });

  return {
    async listen(host, port) {
      // Not by fastify's own listen: for `localhost` that makes a second server, which would know no upgrades.
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error) => reject(listenFault(error, { host, port, key: 'https' })));
        server.listen({ host, port }, resolve);
      });
      server.removeAllListeners('error');
      server.on('error', (error) => log.error({ err: error }, 'the HTTPS listener has a problem'));
      const address: AddressInfo | string | null = server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    useCertificate: ({ cert, key }) => server.setSecureContext({ ...SERVER_TLS_OPTIONS, cert, key }),
    async close() {
      await new Promise<void>((resolve) => {
        if (!server.listening) return resolve();
        const linger = parts.clock.after(CLOSE_LINGER_MS, () => {
          for (const socket of upgraded) socket.destroy();
        });
        server.close(() => {
          linger.cancel();
          resolve();
        });
        server.closeAllConnections();
      });
      await app.close();
    },
  };
}

/** A request that fails before it has a route, such as one for `/%`. */
function answerBadUrl(error: unknown, response: ServerResponse): void {
  const { status, body } = httpRefusalOf(error);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify(body));
}

/** A client that speaks no HTTP gets the one answer that it may understand. */
function garbageAnswerer(clock: Clock): (error: unknown, socket: Duplex) => void {
  const answered = new WeakSet<Duplex>();
  return (error, socket) => {
    // More of the same. A socket that is closed with something unread is reset, and the answer with it: so the rest is
    // taken and thrown away, for as long as the answer may take.
    if (answered.has(socket)) return;
    if (systemCodeOf(error) === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    answered.add(socket);
    // The answer may never be taken, and before TLS is set up it is not even sent: then nothing else ends the socket.
    const linger = clock.after(CLOSE_LINGER_MS, () => socket.destroy());
    socket.once('close', () => linger.cancel());
    const late = systemCodeOf(error) === 'ERR_HTTP_REQUEST_TIMEOUT';
    const status = late ? '408 Request Timeout' : '400 Bad Request';
    const message = late ? 'The request took too long.' : 'The request is not well formed.';
    const body = JSON.stringify({ code: late ? 'request.timeout' : 'request.invalid', message });
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: application/json; charset=utf-8\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  };
}
