import type { Clock, Timer } from '../clock.ts';
import { DrawbridgeError, isDrawbridgeError } from '../errors.ts';
import { PREFACE_TIMEOUT_MS, REFUSAL_LINGER_MS, REPLY_TIMEOUT_MS } from './limits.ts';
import { encodePreface, PrefaceReader, parseRequest } from './preface.ts';
import type { IncomingStream, PrefaceReply, PrefaceRequest, TunnelStream } from './tunnel.ts';
import type { YamuxStream } from './yamux/stream.ts';

/** Where a stream of the peer stands on its way to an answer. */
type IncomingState = 'reading' | 'waiting' | 'accepted' | 'refused' | 'gone';

/** What {@link receiveStream} needs. */
export interface ReceiveStreamOptions {
  readonly clock: Clock;
  /** The preface is there. A rejection resets the stream. */
  onRequest(incoming: IncomingStream): void | Promise<void>;
  /** The stream was answered, or is gone without an answer. Called once. */
  onSettled(): void;
  /** The handler failed; for the log. */
  onHandlerError(error: unknown, request: PrefaceRequest): void;
}

/** Reads the preface of a stream that the peer opened, within its time and size, and hands it to its handler. */
export function receiveStream(stream: YamuxStream, options: ReceiveStreamOptions): void {
  new Reception(stream, options).start();
}

class Reception {
  readonly #stream: YamuxStream;
  readonly #options: ReceiveStreamOptions;
  readonly #reader = new PrefaceReader();
  readonly #gone = new AbortController();
  #state: IncomingState = 'reading';
  #timer: Timer | undefined;

  constructor(stream: YamuxStream, options: ReceiveStreamOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.after(PREFACE_TIMEOUT_MS, () => {
      this.#refuse('preface.timeout', 'The first message of the stream did not come in time.');
    });
    this.#stream.once('close', () => this.#onClose());
    this.#stream.readHead((piece) => this.#readHead(piece));
  }

  #readHead(piece: Buffer): Buffer | undefined {
    if (this.#state !== 'reading') return undefined;
    try {
      const read = this.#reader.push(piece);
      if (read === undefined) return undefined;
      const request = parseRequest(read.value);
      this.#state = 'waiting';
      // After the rest was pushed, so that the handler sees a stream in order.
      process.nextTick(() => this.#handOver(request));
      return read.rest;
    } catch (error) {
      const code = isDrawbridgeError(error) ? error.code : 'preface.malformed';
      this.#refuse(code, isDrawbridgeError(error) ? error.message : 'The first message cannot be read.');
      return Buffer.alloc(0);
    }
  }

  #handOver(request: PrefaceRequest): void {
    if (this.#state !== 'waiting') return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(REPLY_TIMEOUT_MS, () => {
      this.#refuse('tunnel.timeout', 'The request was not answered in time.');
    });
    const incoming: IncomingStream = {
      request,
      signal: this.#gone.signal,
      accept: (fields = {}) => this.#accept(fields),
      refuse: (code, message, hint) => this.#refuse(code, message, hint),
    };
    Promise.resolve()
      .then(() => this.#options.onRequest(incoming))
      .catch((error: unknown) => {
        this.#options.onHandlerError(error, request);
        this.#stream.destroy();
      });
  }

  #accept(fields: Readonly<Record<string, unknown>>): TunnelStream {
    if (this.#state === 'gone') throw new DrawbridgeError('tunnel.closed', 'The stream is gone.');
    if (this.#state !== 'waiting')
      throw new DrawbridgeError('tunnel.closed', 'The stream has its answer already.');
    const reply = encodePreface({ ...fields, ok: true });
    this.#settle('accepted');
    this.#stream.write(reply);
    return this.#stream;
  }

  #refuse(code: string, message: string, hint?: string): void {
    if (this.#state !== 'reading' && this.#state !== 'waiting') return;
    const reply: PrefaceReply = { ok: false, code, message, ...(hint === undefined ? {} : { hint }) };
    this.#settle('refused');
    this.#stream.end(encodePreface(reply));
    // The opener resets the stream when it has the refusal; one that does not is cut.
    this.#timer = this.#options.clock.after(REFUSAL_LINGER_MS, () => this.#stream.destroy());
  }

  #settle(state: 'accepted' | 'refused' | 'gone'): void {
    this.#timer?.cancel();
    this.#state = state;
    this.#options.onSettled();
  }

  #onClose(): void {
    if (this.#state === 'refused') this.#timer?.cancel();
    if (this.#state !== 'reading' && this.#state !== 'waiting') return;
    this.#settle('gone');
    this.#gone.abort(new DrawbridgeError('tunnel.closed', 'The stream is gone.'));
  }
}
