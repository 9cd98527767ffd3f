import { createServer, type Server, type ServerResponse } from 'node:http';
import { isIPv6 } from 'node:net';
import { messageOf } from '../../shared/errors.ts';
import { listenFault } from '../../shared/listen-fault.ts';
import type { Logger } from '../../shared/log.ts';
import type { MetricsListenConfig } from './config.ts';

/** A scraper or two and a curious person. */
const CONNECTIONS_LIMIT = 16;
/** How long a request may take to arrive. */
const REQUEST_LIMIT_MS = 5_000;

/** What the listener answers with. */
export interface MetricsAnswers {
  readonly contentType: string;
  /** Prometheus' text as of now. */
  text(): Promise<string>;
  /** Why no session could come in now: a sentence; undefined when one can. */
  unready(): string | undefined;
}

/** `/metrics`, `/healthz` and `/readyz` on loopback, for programs of this host: figures, and nothing that can be changed. */
export class MetricsListener {
  /** Its address, as one would open it. */
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** @throws `listen.in_use`, `listen.not_permitted`, `listen.no_such_address`, `listen.failed` */
  static async open(
    { host, port }: MetricsListenConfig,
    answers: MetricsAnswers,
    log: Logger,
  ): Promise<MetricsListener> {
    const server = createServer(
      { headersTimeout: REQUEST_LIMIT_MS, requestTimeout: REQUEST_LIMIT_MS },
      (request, response) => {
        request.resume();
        answer(request.method ?? '', request.url ?? '', response, answers).catch((error: unknown) => {
          log.error({ err: error }, `figures could not be told: ${messageOf(error)}`);
          response.destroy();
        });
      },
    );
    server.maxConnections = CONNECTIONS_LIMIT;
    await new Promise<void>((resolve, reject) => {
      const onError = (error: Error) => reject(listenFault(error, { host, port, key: 'metrics.listen' }));
      server.once('error', onError);
      server.listen({ host, port }, () => {
        server.off('error', onError);
        resolve();
      });
    });
    server.on('error', (error) => log.error({ err: error }, 'the listener for figures failed'));
    const address = server.address();
    const bound = typeof address === 'object' && address !== null ? address.port : port;
    return new MetricsListener(server, `http://${isIPv6(host) ? `[${host}]` : host}:${bound}`);
  }

  /** Cuts what is connected, and listens no more. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

async function answer(
  method: string,
  target: string,
  response: ServerResponse,
  answers: MetricsAnswers,
): Promise<void> {
  const say = (status: number, type: string, body: string): void => {
    response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
    response.end(method === 'HEAD' ? undefined : body);
  };
  const sayJson = (status: number, body: object): void =>
    say(status, 'application/json', JSON.stringify(body));
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return sayJson(405, { code: 'request.method', message: 'Figures can only be read.' });
  }
  switch (target.split('?', 1)[0]) {
    case '/metrics':
      return say(200, answers.contentType, await answers.text());
    case '/healthz':
      return sayJson(200, { ok: true });
    case '/readyz': {
      const message = answers.unready();
      return message === undefined
        ? sayJson(200, { ok: true })
        : sayJson(503, { code: 'agent.no_tunnel', message });
    }
    default:
      return sayJson(404, {
        code: 'request.not_found',
        message: 'There are /metrics, /healthz and /readyz here.',
      });
  }
}
