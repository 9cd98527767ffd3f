import type { RawData, WebSocket } from 'ws';
import { messageOf, systemCodeOf } from '../errors.ts';
import { CLOSE_TIMEOUT_MS, MAX_EARLY_BYTES, MAX_TURN_BYTES } from './limits.ts';
import { codeOf, printable } from './preface.ts';
import type { Transport, TransportHandlers } from './transport.ts';
import type { TunnelClosed } from './tunnel.ts';

/** WebSocket close codes (RFC 6455, 7.4.1). */
const CLOSE_NORMAL = 1000;
const CLOSE_PROTOCOL_ERROR = 1002;
const CLOSE_UNSUPPORTED_DATA = 1003;

/** RFC 6455 leaves 125 bytes for a control frame, two of which are the code. */
const MAX_CLOSE_REASON_BYTES = 123;

/** WebSocket pings that are answered before the session's own ones make them needless. */
const MAX_WEBSOCKET_PINGS = 10_000;

/** The close reason that carries why: `code`, a blank, the message, cut at a character boundary. */
export function encodeCloseReason(reason: TunnelClosed): string {
  const text = `${reason.code} ${reason.message}`;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(MAX_CLOSE_REASON_BYTES));
  return text.slice(0, read);
}

/** Reads a close reason of the peer. Anything unexpected becomes a plain `tunnel.closed`. */
export function decodeCloseReason(reason: string): TunnelClosed {
  const blank = reason.indexOf(' ');
  const code = codeOf(reason.slice(0, Math.max(blank, 0)), '');
  const message = printable(reason.slice(blank + 1)).trim();
  if (code === '' || message === '')
    return { code: 'tunnel.closed', message: 'The other end closed the tunnel.' };
  return { code, message };
}

/**
 * A {@link Transport} over a WebSocket, of either side. It listens from its construction on, so that no message is
 * lost between the handshake and `start`; what comes before `start` is bounded.
 */
export class WebSocketTransport implements Transport {
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  readonly #ws: WebSocket;
  #handlers: TransportHandlers | undefined;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #turnBytes = 0;
  #parkedBytes = 0;
  #pings = 0;
  #problem: string | undefined;
  /** The library found fault with what the peer sent: too long a message, a bad frame. It closes by itself. */
  #peerAtFault = false;
  #closeReason: TunnelClosed | undefined;
  #closing = false;

  constructor(ws: WebSocket) {
    this.#ws = ws;
    this.closed = new Promise((resolve) => {
      ws.once('close', () => resolve());
    });
    ws.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    ws.on('ping', (data) => this.#onPing(data));
    ws.on('error', (error) => {
      this.#problem ??= messageOf(error);
      this.#peerAtFault ||= systemCodeOf(error)?.startsWith('WS_ERR_') ?? false;
    });
    ws.on('close', (code, reason) => this.#onClose(code, reason.toString('utf8')));
  }

  get parkedBytes(): number {
    return this.#parkedBytes;
  }

  start(handlers: TransportHandlers): void {
    this.#handlers = handlers;
    const early = this.#early;
    this.#early = [];
    for (const bytes of early) handlers.onMessage(bytes);
    if (this.#closeReason !== undefined) handlers.onClose(this.#closeReason);
  }

  send(pieces: readonly Buffer[], bytes: number): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    const [only] = pieces;
    const message = pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces, bytes);
    this.#parkedBytes += bytes;
    this.#ws.send(message, { binary: true }, () => {
      this.#parkedBytes -= bytes;
      this.#handlers?.onDrain();
    });
  }

  close(reason: TunnelClosed, fault: boolean): void {
    this.#closeWith(fault ? CLOSE_PROTOCOL_ERROR : CLOSE_NORMAL, reason);
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (this.#closing) return;
    if (!isBinary || !Buffer.isBuffer(data)) {
      this.#closeWith(CLOSE_UNSUPPORTED_DATA, {
        code: 'tunnel.protocol_error',
        message: 'A tunnel takes binary messages only.',
      });
      return;
    }
    if (this.#handlers !== undefined) {
      this.#takeTurn(data.length);
      this.#handlers.onMessage(data);
      return;
    }
    this.#earlyBytes += data.length;
    if (this.#earlyBytes > MAX_EARLY_BYTES) {
      this.#early = [];
      this.#closeWith(CLOSE_PROTOCOL_ERROR, {
        code: 'tunnel.protocol_error',
        message: 'Too much was sent before the tunnel was agreed upon.',
      });
      return;
    }
    this.#early.push(data);
  }

  /**
   * Lets others have their turn of the event loop. Left alone, a flooded socket is read up to 32 times in a row, and
   * the call that turns access off waits behind megabytes of what it is to stop.
   */
  #takeTurn(bytes: number): void {
    if (this.#turnBytes === 0) setImmediate(() => this.#endTurn());
    this.#turnBytes += bytes;
    if (this.#turnBytes >= MAX_TURN_BYTES) this.#ws.pause();
  }

  #endTurn(): void {
    this.#turnBytes = 0;
    this.#ws.resume();
  }

  /** The library's own answers would pile up for a peer that pings and does not read. */
  #onPing(data: Buffer): void {
    this.#pings += 1;
    if (this.#closing || this.#parkedBytes > 0 || this.#pings > MAX_WEBSOCKET_PINGS) return;
    this.#parkedBytes += data.length;
    this.#ws.pong(data, undefined, () => {
      this.#parkedBytes -= data.length;
      this.#handlers?.onDrain();
    });
  }

  #onClose(code: number, reason: string): void {
    this.#closing = true;
    this.#closeReason = this.#reasonOf(code, reason);
    this.#handlers?.onClose(this.#closeReason);
  }

  #reasonOf(code: number, reason: string): TunnelClosed {
    if (this.#peerAtFault) {
      const fault = printable(this.#problem);
      return { code: 'tunnel.protocol_error', message: `The other end broke the protocol: ${fault}.` };
    }
    if (code === CLOSE_NORMAL || code === CLOSE_PROTOCOL_ERROR) return decodeCloseReason(reason);
    return { code: 'tunnel.lost', message: this.#describeLoss(code) };
  }

  #describeLoss(code: number): string {
    const why = this.#problem === undefined ? `WebSocket code ${code}` : printable(this.#problem);
    return `The connection was lost (${why}).`;
  }

  #closeWith(code: number, reason: TunnelClosed): void {
    if (this.#closing) return;
    this.#closing = true;
    const timer = setTimeout(() => this.#ws.terminate(), CLOSE_TIMEOUT_MS);
    timer.unref();
    this.#ws.once('close', () => clearTimeout(timer));
    this.#ws.close(code, encodeCloseReason(reason));
  }
}
