import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Clock } from '../clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../errors.ts';
import { signDialProof, verifyDialToken } from '../identity/dial-token.ts';
import type { PublicJwk } from '../identity/keys.ts';
import type { NodeIdentity } from '../identity/node-identity.ts';
import { refusalReasonOf } from '../identity/refusal.ts';
import { SeenOnce } from '../identity/seen-once.ts';
import { followSuccessions, successionHeader, successionsOfHeader } from '../identity/succession.ts';
import type { Logger } from '../log.ts';
import { type Duplicate, DuplicateWatch } from './duplicate-watch.ts';
import {
  HANDSHAKE_TIMEOUT_MS,
  MAX_MESSAGE_BYTES,
  MAX_MESSAGE_PIECES,
  MAX_PENDING_DIALS,
  MAX_PENDING_DIALS_PER_ADDRESS,
  TUNNEL_SUBPROTOCOL,
} from './limits.ts';
import { MuxTunnel } from './mux-tunnel.ts';
import { PendingDials } from './pending-dials.ts';
import type { IncomingStream, Tunnel } from './tunnel.ts';
import { refuseUpgrade } from './upgrade-refusal.ts';
import { WebSocketTransport } from './websocket-transport.ts';

/** Dial tokens remembered at once: a minute of them at 1,000 dials a second, with room for skew. */
const SEEN_LIMIT = 100_000;

/** Longest Authorization header that is looked at. */
const MAX_AUTHORIZATION_CHARS = 8_192;

/** Tells a dialler that this end is going, and that it should wait for its return. */
export const LEAVING_CODE = 'tunnel.closed';

/** The response header with the acceptor's proof. */
export const PROOF_HEADER = 'drawbridge-proof';

/** Header of request and response: how the sender's earlier keys came to the one that it signs with. */
export const SUCCESSION_HEADER = 'drawbridge-succession';

/** The other end of an accepted tunnel, as enrolled. */
export interface TunnelPeer {
  readonly id: string;
  readonly name: string;
}

/** What a {@link TunnelAcceptor} needs. */
export interface TunnelAcceptorOptions {
  readonly identity: NodeIdentity;
  /** The enrolled peer with this id; undefined when there is none, or it was revoked. */
  findPeer(id: string): Promise<(TunnelPeer & { readonly publicJwk: PublicJwk }) | undefined>;
  /** A tunnel is up. The first of its streams comes after this has resolved; a rejection closes the tunnel. */
  onTunnel(tunnel: Tunnel, peer: TunnelPeer, from: { readonly address: string }): void | Promise<void>;
  onStream(incoming: IncomingStream, tunnel: Tunnel, peer: TunnelPeer): void | Promise<void>;
  /** A dial was refused. `reason` is a stable word; `id` is what the dialler claimed, unproven. */
  onRefused(event: { readonly address: string; readonly reason: string; readonly id?: string }): void;
  /** A peer's key seems to be in use twice. Told of a peer at most once an hour. */
  onDuplicate?(duplicate: Duplicate): void;
  /**
   * A peer has a new key, which the pinned one names and which it has proved. Pin it in place of `from`, on the disk,
   * before this resolves; a rejection refuses the dial. Not given: only the pinned key is taken.
   */
  onSuccession?(peer: TunnelPeer, keys: { readonly from: PublicJwk; readonly to: PublicJwk }): Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is known of a dial while it is checked. */
interface Dial {
  readonly address: string;
  /** The id in its token, not proven. */
  claimedId?: string;
  /** Which process of the peer's it comes from. */
  instance?: string;
}

/** Accepts the tunnels of enrolled peers on `wss://…/tunnel`. */
export class TunnelAcceptor {
  readonly #options: TunnelAcceptorOptions;
  readonly #server: WebSocketServer;
  readonly #seen: SeenOnce;
  readonly #duplicates: DuplicateWatch;
  readonly #tunnels = new Set<MuxTunnel>();
  /** Sockets that are not closed yet. */
  readonly #sockets = new Set<Promise<void>>();
  readonly #pending = new PendingDials({
    limit: MAX_PENDING_DIALS,
    limitPerAddress: MAX_PENDING_DIALS_PER_ADDRESS,
  });
  readonly #proofs = new WeakMap<IncomingMessage, string>();
  #leaving = false;

  constructor(options: TunnelAcceptorOptions) {
    this.#options = options;
    this.#seen = new SeenOnce({ limit: SEEN_LIMIT, clock: options.clock });
    this.#duplicates = new DuplicateWatch({
      clock: options.clock,
      onDuplicate: (duplicate) => options.onDuplicate?.(duplicate),
    });
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      maxBufferedChunks: MAX_MESSAGE_PIECES,
      maxFragments: MAX_MESSAGE_PIECES,
      autoPong: false,
      handleProtocols: (offered) => (offered.has(TUNNEL_SUBPROTOCOL) ? TUNNEL_SUBPROTOCOL : false),
    });
    this.#server.on('headers', (headers, request) => {
      const proof = this.#proofs.get(request);
      if (proof === undefined) return;
      headers.push(`${PROOF_HEADER}: ${proof}`);
      const successions = successionHeader(options.identity.successions);
      if (successions !== undefined) headers.push(`${SUCCESSION_HEADER}: ${successions}`);
    });
  }

  /** The tunnels that are up. */
  get tunnels(): ReadonlySet<Tunnel> {
    return this.#tunnels;
  }

  /** Takes over an upgrade request for the tunnel's path: the arguments of Node's `upgrade` event. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const address = request.socket.remoteAddress ?? 'unknown';
    socket.on('error', () => socket.destroy());
    if (this.#leaving) {
      refuseUpgrade(socket, 503, LEAVING_CODE, 'This end is shutting down.');
      return;
    }
    const release = this.#pending.enter(address);
    if (release === undefined) {
      this.#options.onRefused({ address, reason: 'too_many_dials' });
      refuseUpgrade(socket, 503, 'tunnel.busy', 'Too many tunnels are being set up; try again later.');
      return;
    }
    const timer = this.#options.clock.after(HANDSHAKE_TIMEOUT_MS, () => socket.destroy());
    const dial: Dial = { address };
    this.#accept(request, socket, head, dial)
      .catch((error: unknown) => this.#onFailure(error, socket, dial))
      .finally(() => {
        timer.cancel();
        release();
      });
  }

  /**
   * Takes no new tunnels (diallers go elsewhere, or wait for the restart), and asks the peers of those that are up to
   * do without them. Resolves when no stream is open any more, or after `timeoutMs`.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.#leaving = true;
    await Promise.all([...this.#tunnels].map((tunnel) => tunnel.drain(timeoutMs)));
  }

  /** Closes every tunnel at once, refuses new ones, and resolves when the sockets are closed. `drain` before, where there is time. */
  async close(): Promise<void> {
    this.#leaving = true;
    for (const tunnel of [...this.#tunnels]) tunnel.close('tunnel.closed', 'The other end is shutting down.');
    this.#server.close();
    await Promise.all(this.#sockets);
  }

  async #accept(request: IncomingMessage, socket: Duplex, head: Buffer, dial: Dial): Promise<void> {
    const { identity, clock } = this.#options;
    const { peer, jti } = await this.#verify(request, dial);
    const proof = await signDialProof(identity, peer.id, jti, clock);
    if (socket.destroyed) return;
    if (this.#leaving) throw new DrawbridgeError(LEAVING_CODE, 'This end is shutting down.');
    this.#proofs.set(request, proof);
    const transport = await new Promise<WebSocketTransport>((resolve, reject) => {
      socket.once('close', () => reject(new DrawbridgeError('tunnel.lost', 'The dialler has gone.')));
      this.#server.handleUpgrade(request, socket, head, (ws) => resolve(new WebSocketTransport(ws)));
    });
    await this.#run(transport, peer, dial);
  }

  async #verify(request: IncomingMessage, dial: Dial): Promise<{ peer: TunnelPeer; jti: string }> {
    const { identity, clock } = this.#options;
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
    if (!offered.includes(TUNNEL_SUBPROTOCOL)) {
      throw new DrawbridgeError(
        'tunnel.subprotocol',
        `A tunnel needs the subprotocol ${TUNNEL_SUBPROTOCOL}.`,
      );
    }
    const token = bearerOf(request);
    let peer: TunnelPeer | undefined;
    let succession: { readonly from: PublicJwk; readonly to: PublicJwk } | undefined;
    const { jti, instance } = await verifyDialToken(token, {
      audience: identity.id,
      seen: this.#seen,
      clock,
      findKey: async (id) => {
        dial.claimedId = id;
        const found = await this.#options.findPeer(id);
        if (found === undefined) return undefined;
        peer = { id: found.id, name: found.name };
        const to = await this.#keyToday(request, found);
        if (to.x !== found.publicJwk.x) succession = { from: found.publicJwk, to };
        return to;
      },
    });
    if (instance !== undefined) dial.instance = instance;
    if (peer === undefined) throw new DrawbridgeError('identity.refused', 'The dialler is not known.');
    // The dial was signed with the new key: whoever replays a succession alone does not get here.
    if (succession !== undefined) await this.#options.onSuccession?.(peer, succession);
    return { peer, jti };
  }

  /** The key that the dial has to be signed with: the pinned one, or its successor. */
  async #keyToday(request: IncomingMessage, found: { id: string; publicJwk: PublicJwk }): Promise<PublicJwk> {
    if (this.#options.onSuccession === undefined) return found.publicJwk;
    const statements = successionsOfHeader(request.headers[SUCCESSION_HEADER]);
    return followSuccessions(found.publicJwk, { id: found.id, statements });
  }

  async #run(transport: WebSocketTransport, peer: TunnelPeer, { address, instance }: Dial): Promise<void> {
    const { clock, log } = this.#options;
    this.#sockets.add(transport.closed);
    void transport.closed.then(() => this.#sockets.delete(transport.closed));
    const tunnel = new MuxTunnel({
      transport,
      side: 'server',
      clock,
      log,
      onStream: (incoming, of) => this.#options.onStream(incoming, of, peer),
    });
    this.#tunnels.add(tunnel);
    tunnel.signal.addEventListener('abort', () => this.#tunnels.delete(tunnel), { once: true });
    try {
      await this.#options.onTunnel(tunnel, peer, { address });
    } catch (error) {
      log.error({ err: error, peer: peer.id }, 'a tunnel was not taken up');
      tunnel.close('tunnel.failed', 'The other end could not take up the tunnel.');
    }
    if (instance !== undefined) this.#duplicates.connected(peer.id, instance, address, tunnel.signal);
    tunnel.start();
  }

  #onFailure(error: unknown, socket: Duplex, { address, claimedId }: Dial): void {
    const reason = refusalReasonOf(error) ?? (isDrawbridgeError(error) ? error.code : 'failed');
    if (!isDrawbridgeError(error))
      this.#options.log.error({ err: error, address }, 'a dial could not be checked');
    this.#options.onRefused({ address, reason, ...(claimedId === undefined ? {} : { id: claimedId }) });
    const { status, code, message } = answerTo(error);
    refuseUpgrade(socket, status, code, message);
  }
}

/** What a refused dialler gets to know: not why its token was not believed. */
function answerTo(error: unknown): { status: number; code: string; message: string } {
  if (isDrawbridgeError(error, 'identity.refused')) {
    const message = 'The other end does not know the dialler, or does not believe its token.';
    return { status: 401, code: error.code, message };
  }
  if (isDrawbridgeError(error, LEAVING_CODE)) {
    return { status: 503, code: error.code, message: error.message };
  }
  if (isDrawbridgeError(error)) return { status: 400, code: error.code, message: error.message };
  return { status: 500, code: 'tunnel.failed', message: 'The dial could not be checked; try again later.' };
}

function bearerOf(request: IncomingMessage): string {
  const header = request.headers.authorization ?? '';
  const token = header.length <= MAX_AUTHORIZATION_CHARS ? /^Bearer ([\w.-]+)$/.exec(header)?.[1] : undefined;
  if (token === undefined) throw new DrawbridgeError('identity.refused', 'The dial carries no token.');
  return token;
}
