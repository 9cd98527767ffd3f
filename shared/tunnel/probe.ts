import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../clock.ts';
import { describeConnectFailure } from '../egress/connect-failure.ts';
import type { Egress } from '../egress/egress.ts';
import { DrawbridgeError } from '../errors.ts';
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts';
import { PendingDials } from './pending-dials.ts';
import { refuseUpgrade } from './upgrade-refusal.ts';

/**
 * A WebSocket that echoes, for anybody, so that `drawbridge doctor` can see whether WebSockets really pass and stay when
 * nothing is said in them. It is bounded in number, size and time, and leads nowhere.
 */
export const PROBE_PATH = '/probe';

const PROBE_SUBPROTOCOL = 'drawbridge.probe.v1';
/** Further ones are refused with 503. */
const MAX_PROBES = 32;
const MAX_PROBES_PER_ADDRESS = 4;
/** The longest message that is echoed; a longer one closes the WebSocket. */
const MESSAGE_LIMIT_BYTES = 64;
/** Messages that one probe may send. */
const MESSAGES_MAX = 8;
/** The longest idle time that can be tried, and a little. */
const LIFETIME_MS = 16 * 60_000;
export const PROBE_IDLE_MAX_MS = 15 * 60_000;
/** How long an echo may take. */
const ECHO_TIMEOUT_MS = 10_000;

/** The end of a role. */
export class ProbeServer {
  readonly #clock: Clock;
  readonly #running = new PendingDials({ limit: MAX_PROBES, limitPerAddress: MAX_PROBES_PER_ADDRESS });
  readonly #open = new Set<WebSocket>();
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: MESSAGE_LIMIT_BYTES,
    handleProtocols: (offered) => (offered.has(PROBE_SUBPROTOCOL) ? PROBE_SUBPROTOCOL : false),
  });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes over a request for {@link PROBE_PATH}, whatever it holds. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const leave = this.#running.enter(request.socket.remoteAddress ?? 'unknown');
    if (leave === undefined) {
      refuseUpgrade(socket, 503, 'tunnel.busy', 'Too many are trying their way at this moment.');
      return;
    }
    const timer = this.#clock.after(LIFETIME_MS, () => socket.destroy());
    socket.once('close', () => {
      timer.cancel();
      leave();
    });
    this.#server.handleUpgrade(request, socket, head, (ws) => this.#echo(ws));
  }

  /** Ends all that are open. */
  close(): void {
    for (const ws of this.#open) ws.terminate();
  }

  #echo(ws: WebSocket): void {
    let left = MESSAGES_MAX;
    this.#open.add(ws);
    ws.once('close', () => this.#open.delete(ws));
    ws.on('error', () => ws.terminate());
    ws.on('message', (data) => {
      left -= 1;
      if (left < 0) ws.terminate();
      else ws.send(data);
    });
  }
}

/** What {@link probeWebSocket} needs. */
export interface ProbeOptions {
  /** Base of the role's address, `https://…`. */
  readonly url: URL;
  readonly egress: Egress;
  /** For so long nothing is said in between. */
  readonly idleMs: number;
  readonly signal: AbortSignal;
}

/** What a probe saw. */
export type ProbeResult =
  | { readonly kind: 'passed' }
  /** The role itself has answered, without a WebSocket: it is of an older version, or has too many probes. */
  | { readonly kind: 'not_offered' }
  /** Something else has answered. */
  | { readonly kind: 'intercepted'; readonly status: number }
  /** It was open, and then it was not. */
  | { readonly kind: 'cut'; readonly afterMs: number };

/**
 * Opens a WebSocket to a role, says something in it, is silent for a while, and says something again.
 * @throws `egress.*` when the role is not reached
 */
export async function probeWebSocket(options: ProbeOptions): Promise<ProbeResult> {
  const { url, egress } = options;
  const target = new URL(PROBE_PATH, url);
  const ws = new WebSocket(new URL(target.href.replace(/^http/, 'ws')), [PROBE_SUBPROTOCOL], {
    agent: egress.agentFor(url),
    perMessageDeflate: false,
    maxPayload: MESSAGE_LIMIT_BYTES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    followRedirects: false,
    // Only what is said on purpose counts as traffic.
    autoPong: false,
  });
  const closed = new AbortController();
  ws.on('close', () => closed.abort());
  try {
    const refused = await opened(ws, options);
    if (refused !== undefined) return refused;
    const startMs = performance.now();
    const cut = (): ProbeResult => ({ kind: 'cut', afterMs: performance.now() - startMs });
    if (!(await echoes(ws, 'one', closed.signal))) return cut();
    if (options.idleMs === 0) return { kind: 'passed' };
    if (!(await stays(options.idleMs, AbortSignal.any([closed.signal, options.signal])))) return cut();
    return (await echoes(ws, 'two', closed.signal)) ? { kind: 'passed' } : cut();
  } finally {
    ws.on('error', () => undefined);
    ws.terminate();
  }
}

/** Resolves when the WebSocket is open, else with what answered instead. */
function opened(ws: WebSocket, { url, egress, signal }: ProbeOptions): Promise<ProbeResult | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new DrawbridgeError('egress.aborted', 'The check was given up.'));
    signal.addEventListener('abort', giveUp, { once: true });
    ws.once('open', () => {
      signal.removeEventListener('abort', giveUp);
      resolve(undefined);
    });
    ws.once('unexpected-response', (_request, response) => {
      const { statusCode = 0, headers } = response;
      const isRole = headers['content-type']?.startsWith('application/json') === true;
      response.resume();
      resolve(isRole ? { kind: 'not_offered' } : { kind: 'intercepted', status: statusCode });
    });
    ws.once('error', (error) => reject(describeConnectFailure(error, url, egress)));
  });
}

function echoes(ws: WebSocket, text: string, closed: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ECHO_TIMEOUT_MS);
    const end = (answered: boolean) => {
      clearTimeout(timer);
      resolve(answered);
    };
    closed.addEventListener('abort', () => end(false), { once: true });
    ws.once('message', (data) => end(data.toString() === text));
    if (closed.aborted) end(false);
    else ws.send(text, () => undefined);
  });
}

/** True when nothing has ended the wait. */
function stays(forMs: number, ended: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (ended.aborted) return resolve(false);
    const timer = setTimeout(() => resolve(true), forMs);
    ended.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve(false);
      },
      { once: true },
    );
  });
}
