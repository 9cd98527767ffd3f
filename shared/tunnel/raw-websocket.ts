import { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { DrawbridgeError, messageOf } from '../errors.ts';
import { CLOSE_TIMEOUT_MS } from './limits.ts';
import { printable } from './preface.ts';

/** WebSocket close codes (RFC 6455, 7.4.1). */
const CLOSE_NORMAL = 1000;
const CLOSE_UNSUPPORTED_DATA = 1003;
const CLOSE_POLICY = 1008;

/** Longest reason of a close, in bytes (RFC 6455, 5.5). */
const REASON_LIMIT_BYTES = 123;

/** Most that is sent as one message. */
const MAX_PIECE_BYTES = 64 * 1024;

/** A stream over a WebSocket, which can be cut with a sentence to the other end. */
export interface RawWebSocket extends Duplex {
  /** Says why, and ends it: nothing more is taken or sent. The other end's stream fails with `websocket.cut`. */
  cut(sentence: string): void;
}

/**
 * A WebSocket whose binary messages are the bytes of one stream, as a Duplex. Call it before the WebSocket has had
 * time to receive anything.
 *
 * A WebSocket has no half-close: ending the writable side closes it once all was sent, and the peer's close ends the
 * readable side. Backpressure: reading stops the socket, writing waits until the network has taken the piece.
 */
export function rawWebSocketStream(ws: WebSocket): RawWebSocket {
  return new RawWebSocketStream(ws);
}

class RawWebSocketStream extends Duplex implements RawWebSocket {
  readonly #ws: WebSocket;
  #isCut = false;

  constructor(ws: WebSocket) {
    super({ allowHalfOpen: false });
    this.#ws = ws;
    ws.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    ws.on('error', (error) => this.destroy(lost(messageOf(error))));
    ws.on('close', (code, reason) => this.#onClose(code, reason));
    // The peer may go at any time; without a listener that would end the process.
    this.on('error', () => {});
  }

  cut(sentence: string): void {
    if (this.destroyed) return;
    this.#isCut = true;
    this.#close(CLOSE_POLICY, withinBytes(sentence, REASON_LIMIT_BYTES));
    this.destroy(lost('it was cut here'));
  }

  override _read(): void {
    if (this.#ws.isPaused) this.#ws.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const { CONNECTING, OPEN } = this.#ws;
    if (this.#ws.readyState === CONNECTING) {
      this.#ws.once('open', () => this._write(chunk, _encoding, callback));
      return;
    }
    if (this.#ws.readyState !== OPEN) {
      callback(lost('it is closed'));
      return;
    }
    const piece = chunk.length > MAX_PIECE_BYTES ? chunk.subarray(0, MAX_PIECE_BYTES) : chunk;
    this.#ws.send(piece, { binary: true }, (error) => {
      if (error) callback(lost(messageOf(error)));
      else if (piece.length < chunk.length) this._write(chunk.subarray(piece.length), _encoding, callback);
      else callback();
    });
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#close(CLOSE_NORMAL);
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // What was cut is closing by itself, with its reason on the way.
    if (error === null) this.#close(CLOSE_NORMAL);
    else if (!this.#isCut) this.#ws.terminate();
    callback(error);
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (this.#isCut) return;
    if (!isBinary || !Buffer.isBuffer(data)) {
      this.#close(CLOSE_UNSUPPORTED_DATA);
      this.destroy(
        new DrawbridgeError('websocket.text', 'The other end sent text where only bytes are allowed.'),
      );
      return;
    }
    if (data.length > 0 && !this.push(data)) this.#ws.pause();
  }

  #onClose(code: number, reason: Buffer): void {
    if (this.destroyed) return;
    const sentence = code === CLOSE_POLICY ? printable(reason.toString()) : '';
    if (code === CLOSE_NORMAL) this.push(null);
    else if (sentence !== '') this.destroy(new DrawbridgeError('websocket.cut', sentence));
    else this.destroy(lost(`WebSocket code ${code}`));
  }

  #close(code: number, reason = ''): void {
    if (this.#ws.readyState === this.#ws.CLOSED) return;
    // A paused WebSocket would never see the answer to its close.
    if (this.#ws.isPaused) this.#ws.resume();
    const timer = setTimeout(() => this.#ws.terminate(), CLOSE_TIMEOUT_MS);
    timer.unref();
    this.#ws.once('close', () => clearTimeout(timer));
    this.#ws.close(code, reason);
  }
}

/** Whole characters from the beginning of `text`, in no more than so many bytes of UTF-8. */
function withinBytes(text: string, limitBytes: number): string {
  let kept = '';
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > limitBytes) break;
    kept += character;
  }
  return kept;
}

function lost(why: string): DrawbridgeError {
  return new DrawbridgeError('websocket.lost', `The WebSocket was lost (${why}).`);
}
