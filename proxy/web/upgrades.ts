import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError, messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/log.ts';
import { plainAddress } from '../../shared/network.ts';
import { PROBE_PATH, ProbeServer } from '../../shared/tunnel/probe.ts';
import { rawWebSocketStream } from '../../shared/tunnel/raw-websocket.ts';
import type { OperatorTokens } from '../accounts/operator-tokens.ts';
import type { ProvenOperator } from '../accounts/operators.ts';
import type { Admission, Admitted } from '../tunnels/admission.ts';
import { joinStreams, type Relays } from '../tunnels/relays.ts';
import { httpRefusalOf } from './http-errors.ts';
import { bearerToken } from './request-fields.ts';

/** Largest WebSocket message of an operator: more than any ssh client hands over at once. */
const MESSAGE_LIMIT_BYTES = 4 * 1024 * 1024;
/** Pieces in which one may arrive: each costs far more than the byte that may be in it. */
const MESSAGE_PIECES_LIMIT = 16_384;
/** A refused client has so long to take the answer. */
const REFUSED_LINGER_MS = 5_000;

/** What the WebSocket ends of the proxy need. */
export interface UpgradeParts {
  /** Takes the tunnels of bastions. */
  readonly acceptor: {
    handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  };
  readonly tokens: OperatorTokens;
  readonly admission: Admission;
  readonly relays: Relays;
  /** Aborted when the proxy has begun to stop. */
  readonly stopping: AbortSignal;
  readonly clock: Clock;
  readonly log: Logger;
}

/** `/tunnel` for bastions, `/connect?host=` for operators who come over HTTPS instead of SSH, `/probe` for doctor. */
export class Upgrades {
  readonly #parts: UpgradeParts;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: MESSAGE_LIMIT_BYTES,
    maxBufferedChunks: MESSAGE_PIECES_LIMIT,
    maxFragments: MESSAGE_PIECES_LIMIT,
  });

  readonly #probes: ProbeServer;

  constructor(parts: UpgradeParts) {
    this.#parts = parts;
    this.#probes = new ProbeServer(parts.clock);
    parts.stopping.addEventListener('abort', () => this.#probes.close(), { once: true });
  }

  /** Takes a request that asks to leave HTTP. Whatever is wrong with it is answered on its own socket. */
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const path = pathOf(request);
    if (path === '/tunnel' && !this.#parts.stopping.aborted) {
      this.#parts.acceptor.handleUpgrade(request, socket, head);
      return;
    }
    const gone = new AbortController();
    socket.on('error', (error) => {
      this.#parts.log.debug({ problem: messageOf(error) }, 'a connection failed while it was upgraded');
    });
    socket.once('close', () => gone.abort());
    if (path === PROBE_PATH && !this.#parts.stopping.aborted) {
      this.#probes.handleUpgrade(request, socket, head);
      return;
    }
    this.#connect(path, request, socket, head, gone.signal).catch((error: unknown) => {
      if (socket.destroyed) return;
      const refusal = httpRefusalOf(error, 403);
      if (refusal.status === 500) this.#parts.log.error({ err: error }, 'a connection could not be taken');
      answer(socket, refusal.status, refusal.body);
      this.#parts.clock.after(REFUSED_LINGER_MS, () => socket.destroy());
    });
  }

  async #connect(
    path: string | undefined,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#parts.stopping.aborted) {
      throw new DrawbridgeError('proxy.stopping', 'The proxy is stopping.', {
        hint: 'Try again in a minute.',
      });
    }
    if (path !== '/connect') throw new DrawbridgeError('request.not_found', 'There is nothing at this path.');
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      throw new DrawbridgeError('request.upgrade', 'Only WebSocket is spoken here.');
    }
    const source = plainAddress(request.socket.remoteAddress);
    const operator = await this.#parts.tokens.verify(bearerToken(request.headers.authorization), source);
    const ask = { operator, destination: destinationOf(request), source, signal };
    const { relays, admission } = this.#parts;
    const admitted = await relays.opening(operator.username, () => admission.openHost(ask));
    this.#takeOver(operator, admitted, request, socket, head);
  }

  #takeOver(
    operator: ProvenOperator,
    admitted: Admitted,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): void {
    let upgraded = false;
    // Should the handshake fail, ws answers and closes the socket itself; the bastion's stream must go with it.
    socket.once('close', () => {
      if (!upgraded) admitted.stream.destroy();
    });
    if (socket.destroyed) {
      admitted.stream.destroy();
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      upgraded = true;
      const way = rawWebSocketStream(webSocket);
      const { stream, withdraw } = admitted;
      this.#parts.relays.add(operator, stream, { tell: (sentence) => way.cut(sentence), withdraw });
      void joinStreams(way, admitted.stream).then(({ error }) => {
        if (error === undefined) return;
        this.#parts.log.debug(
          { operator: operator.username, problem: messageOf(error) },
          'a way to a host was cut',
        );
      });
    });
  }
}

function urlOf(request: IncomingMessage): URL | undefined {
  const base = 'https://proxy.invalid';
  const target = request.url ?? '/';
  return URL.canParse(target, base) ? new URL(target, base) : undefined;
}

function pathOf(request: IncomingMessage): string | undefined {
  return urlOf(request)?.pathname;
}

function destinationOf(request: IncomingMessage): string {
  return urlOf(request)?.searchParams.get('host') ?? '';
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
};

/** Answers a request whose socket is ours already, and closes it. */
function answer(socket: Duplex, status: number, body: object): void {
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? 'Refused'}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Cache-Control: no-store',
    'Connection: close',
    ...(status === 426 ? ['Upgrade: websocket'] : []),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}
