import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { Clock } from '../clock.ts';
import { describeConnectFailure } from '../egress/connect-failure.ts';
import type { Egress } from '../egress/egress.ts';
import { DrawbridgeError, isDrawbridgeError } from '../errors.ts';
import { signDialToken, verifyDialProof } from '../identity/dial-token.ts';
import type { PublicJwk } from '../identity/keys.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import { followSuccessions, successionHeader, successionsOfHeader } from '../identity/succession.ts';
import { PROOF_HEADER, SUCCESSION_HEADER } from './acceptor.ts';
import { clockDifference } from './clock-difference.ts';
import {
  HANDSHAKE_TIMEOUT_MS,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGE_PIECES,
  TUNNEL_PATH,
  TUNNEL_SUBPROTOCOL,
} from './limits.ts';
import { codeOf, printable } from './preface.ts';
import { WebSocketTransport } from './websocket-transport.ts';

/** Largest refusal that is read from the other end. */
const MAX_REFUSAL_BYTES = 4_096;

/** The only one who may answer a dial, as it is pinned. */
export interface PinnedPeer {
  readonly id: string;
  /** The key as it is pinned at this moment. */
  readonly publicJwk: PublicJwk;
  /**
   * The peer has a new key, which the pinned one names and which it has proved. Pins it on the disk before this
   * resolves; a rejection gives up the dial. Not given: only the pinned key is taken.
   */
  succeed?(to: PublicJwk): Promise<void>;
}

/** What {@link dialTransport} needs. */
export interface DialOptions {
  /** Base of the peer's address, `https://…`. */
  readonly url: string;
  readonly identity: NodeIdentity;
  /** The only peer that may answer. */
  readonly peer: PinnedPeer;
  /** Names this process among those that use the identity, one after the other. */
  readonly instance?: string;
  readonly egress: Egress;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** The address of the tunnel's WebSocket for a peer's base address. */
export function tunnelUrlOf(base: string): URL {
  const url = new URL(base);
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:';
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${TUNNEL_PATH}`;
  url.search = '';
  url.hash = '';
  return url;
}

/** The same address with the scheme of HTTP, by which the way there is chosen. */
export function httpUrlOf(url: URL): URL {
  const httpUrl = new URL(url);
  httpUrl.protocol = url.protocol === 'ws:' ? 'http:' : 'https:';
  return httpUrl;
}

/**
 * Masks exist to keep page scripts from writing attack bytes into plain HTTP caches (RFC 6455, 10.3). Over TLS, for a
 * program that is no browser, they protect nothing and cost a pass over every byte at both ends.
 */
export function leaveMaskZero(): void {}

/**
 * Dials a peer, proves who we are, and checks that the pinned peer answered.
 * @throws `egress.*` when it is not reached, `tunnel.refused` (or the peer's own code) when it says no,
 *   `identity.refused` when somebody else answered, `tunnel.aborted`.
 */
export async function dialTransport(options: DialOptions): Promise<WebSocketTransport> {
  const { identity, peer, clock } = options;
  const { token, jti } = await signDialToken(identity, peer.id, clock, options.instance);
  if (options.signal.aborted) throw aborted();
  const { transport, proof, successions, close } = await connect(options, token);
  try {
    if (proof === undefined) {
      throw new DrawbridgeError('identity.refused', 'The other end did not prove who it is.', {
        hint: 'Check that the address is the right one, and that nothing on the way strips response headers.',
      });
    }
    const statements = peer.succeed === undefined ? [] : successions;
    const publicJwk = await followSuccessions(peer.publicJwk, { id: peer.id, statements });
    await verifyDialProof(proof, { id: peer.id, publicJwk }, { audience: identity.id, jti, clock });
    if (publicJwk.x !== peer.publicJwk.x) await peer.succeed?.(publicJwk);
    if (options.signal.aborted) throw aborted();
    return transport;
  } catch (error) {
    close();
    throw error;
  }
}

interface Connected {
  readonly transport: WebSocketTransport;
  readonly proof: string | undefined;
  readonly successions: readonly string[];
  close(): void;
}

function connect(options: DialOptions, token: string): Promise<Connected> {
  const url = tunnelUrlOf(options.url);
  const httpUrl = httpUrlOf(url);
  const successions = successionHeader(options.identity.successions);
  const ws = new WebSocket(url, [TUNNEL_SUBPROTOCOL], {
    agent: options.egress.agentFor(httpUrl),
    headers: {
      authorization: `Bearer ${token}`,
      ...(successions === undefined ? {} : { [SUCCESSION_HEADER]: successions }),
    },
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    maxBufferedChunks: MAX_MESSAGE_PIECES,
    maxFragments: MAX_MESSAGE_PIECES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    followRedirects: false,
    autoPong: false,
    ...(url.protocol === 'wss:' ? { generateMask: leaveMaskZero } : {}),
  });
  const transport = new WebSocketTransport(ws);
  return new Promise<Connected>((resolve, reject) => {
    let proof: string | undefined;
    let answered: readonly string[] = [];
    const onAbort = () => fail(aborted());
    const fail = (error: unknown) => {
      options.signal.removeEventListener('abort', onAbort);
      reject(error);
      ws.terminate();
    };
    options.signal.addEventListener('abort', onAbort, { once: true });
    ws.once('upgrade', (response: IncomingMessage) => {
      const header = response.headers[PROOF_HEADER];
      proof = typeof header === 'string' ? header : undefined;
      answered = successionsOfHeader(response.headers[SUCCESSION_HEADER]);
    });
    ws.once('unexpected-response', (_request, response) => {
      readRefusal(response, options.clock).then(fail, fail);
    });
    ws.once('error', (error) => {
      fail(isDrawbridgeError(error) ? error : describeConnectFailure(error, httpUrl, options.egress));
    });
    ws.once('open', () => {
      options.signal.removeEventListener('abort', onAbort);
      resolve({ transport, proof, successions: answered, close: () => ws.terminate() });
    });
  });
}

/** What the other end said instead of upgrading. */
async function readRefusal(response: IncomingMessage, clock: Clock): Promise<DrawbridgeError> {
  const status = response.statusCode ?? 0;
  const fallback = `The other end answered the dial with HTTP status ${status}.`;
  const body = await readBounded(response, MAX_REFUSAL_BYTES);
  const { code, message } = refusalFieldsOf(body);
  const difference = status === 401 ? clockDifference(response.headers.date, clock) : undefined;
  const sentence = [printable(message) || fallback, difference].filter((one) => one !== undefined).join(' ');
  return new DrawbridgeError(codeOf(code, 'tunnel.refused'), sentence, {
    ...(status === 401
      ? {
          hint: 'If this machine was enrolled there, check its clock; if it was removed there, enrol it again.',
        }
      : {}),
  });
}

async function readBounded(response: IncomingMessage, limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      if (!Buffer.isBuffer(chunk)) continue;
      bytes += chunk.length;
      if (bytes > limitBytes) break;
      chunks.push(chunk);
    }
  } catch {
    // The status says enough where the body is cut off.
    return '';
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refusalFieldsOf(body: string): { code?: unknown; message?: unknown } {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function aborted(): DrawbridgeError {
  return new DrawbridgeError('tunnel.aborted', 'The dial was given up.');
}
