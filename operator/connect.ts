import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { WebSocket } from 'ws';
import { describeConnectFailure } from '../shared/egress/connect-failure.ts';
import type { Egress } from '../shared/egress/egress.ts';
import { type DrawbridgeError, isDrawbridgeError } from '../shared/errors.ts';
import { rawWebSocketStream } from '../shared/tunnel/raw-websocket.ts';
import type { OperatorHome } from './home.ts';
import { requireLogin } from './login-file.ts';
import { loginEgress, operatorToken, pinnedEgress, refusalOf } from './proxy-api.ts';

/** Alias ending under which the generated ssh configuration reaches a host by this way. */
const ALIAS_ENDING = '.wss';
const HANDSHAKE_TIMEOUT_MS = 20_000;
const REFUSAL_LIMIT_BYTES = 64 * 1024;
const FRAME_LIMIT_BYTES = 4 * 1024 * 1024;

/** How it ends when somebody on the way is vouched for by another authority than the login's. */
const NOT_TRUSTED = ['egress.tls_untrusted', 'egress.proxy_failed'];

/** What {@link connectHost} needs. */
export interface ConnectOptions {
  readonly home: OperatorHome;
  readonly env: NodeJS.ProcessEnv;
  /** `web-1.acme`, or the alias `web-1.acme.wss`. */
  readonly host: string;
  readonly input: Readable;
  readonly output: Writable;
}

/**
 * Joins input and output to the SSH server that the bastion runs for this host, over one WebSocket to the proxy: what
 * ssh's ProxyCommand has to do. Resolves when the connection has ended.
 * @throws `login.none`, `login.expired`, `egress.*`, what the proxy refuses with, `websocket.cut` with why, `websocket.lost`
 */
export async function connectHost(options: ConnectOptions): Promise<void> {
  const stream = await dialHost(options);
  await Promise.all([
    pipeline(options.input, stream, { end: true }),
    pipeline(stream, options.output, { end: false }),
  ]);
}

/**
 * Opens the way to the SSH server that the bastion runs for this host, over one WebSocket to the proxy.
 * @throws like {@link connectHost}
 */
export async function dialHost(options: Pick<ConnectOptions, 'home' | 'env' | 'host'>): Promise<Duplex> {
  const { home, env } = options;
  const login = await requireLogin(home, Date.now());
  const [pinned, token] = await Promise.all([
    pinnedEgress(home, login, env),
    operatorToken(home, login, env),
  ]);
  const host = options.host.endsWith(ALIAS_ENDING)
    ? options.host.slice(0, -ALIAS_ENDING.length)
    : options.host;
  const url = new URL('/connect', login.proxy.url);
  url.searchParams.set('host', host);
  if (pinned !== undefined) {
    try {
      return await open(url, pinned, token);
    } catch (error) {
      // The proof has not been shown to anybody yet: it goes behind the handshake that failed.
      if (!NOT_TRUSTED.some((code) => isDrawbridgeError(error, code))) throw error;
    }
  }
  return open(url, await loginEgress(home, login, env), token);
}

async function open(url: URL, egress: Egress, token: string): Promise<Duplex> {
  const socketUrl = new URL(url);
  socketUrl.protocol = 'wss:';
  const socket = new WebSocket(socketUrl, {
    agent: egress.agentFor(url),
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    maxPayload: FRAME_LIMIT_BYTES,
    followRedirects: false,
    // Over TLS masking protects nobody and costs a copy on both ends; an all-zero key makes it a no-op.
    generateMask: (mask) => mask.fill(0),
  });
  // Made at once: a message that arrives with the upgrade would be lost without its listener.
  const stream = rawWebSocketStream(socket);
  await opened(socket, (error) => describeConnectFailure(error, url, egress));
  return stream;
}

function opened(socket: WebSocket, explain: (error: unknown) => DrawbridgeError): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', (error) => reject(explain(error)));
    socket.once('unexpected-response', (_request, response) => {
      void readRefusal(response).then((refusal) => {
        reject(refusal);
        socket.terminate();
      }, reject);
    });
  });
}

async function readRefusal(response: IncomingMessage): Promise<DrawbridgeError> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > REFUSAL_LIMIT_BYTES) break;
    chunks.push(chunk);
  }
  const status = response.statusCode ?? 0;
  try {
    return refusalOf(status, JSON.parse(Buffer.concat(chunks).toString('utf8')));
  } catch {
    return refusalOf(status, undefined);
  }
}
