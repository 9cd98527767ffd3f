import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Actor, Json } from '../audit/event.ts';
import { DrawbridgeError, messageOf } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { ControlHandler } from './handler.ts';
import {
  type ClientMessage,
  clientMessage,
  decodeMessage,
  encodeMessage,
  LineSplitter,
  type ServerMessage,
} from './wire.ts';

const REQUEST_LIMIT_BYTES = 1024 * 1024;
/** Requests that may go on at once on one connection. */
const REQUESTS_AT_ONCE = 16;

interface ConnectionOptions {
  readonly methods: ReadonlyMap<string, ControlHandler>;
  readonly actor: Actor;
  readonly log: Logger;
}

/** One connection at the server: reads requests, runs their handlers, writes what they give. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #requests = new Map<number, AbortController>();
  readonly #lines = new LineSplitter(REQUEST_LIMIT_BYTES);

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.#abortAll());
  }

  /** Aborts what is going on and hangs up. */
  close(): void {
    this.#abortAll();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const lines = this.#lines.push(chunk);
    if (lines === undefined) {
      this.#hangUp('control.too_large', 'A request may have 1 MiB at most.');
      return;
    }
    for (const line of lines) {
      const message = decodeMessage(line, clientMessage);
      if (message === undefined) {
        this.#hangUp('control.malformed', 'This is not a request in the format of the control socket.');
        return;
      }
      this.#take(message);
    }
  }

  #take(message: ClientMessage): void {
    const { id } = message;
    if ('cancel' in message) {
      this.#requests.get(id)?.abort();
      return;
    }
    if (this.#requests.has(id) || this.#requests.size >= REQUESTS_AT_ONCE) {
      const error = {
        code: 'control.busy',
        message: `${REQUESTS_AT_ONCE} requests may go on at once, each with its own id.`,
      };
      this.#write({ id, error });
      return;
    }
    const request = new AbortController();
    this.#requests.set(id, request);
    void this.#answer(id, message.method, message.params ?? null, request.signal).finally(() =>
      this.#requests.delete(id),
    );
  }

  /** Never rejects: what goes wrong is the answer. */
  async #answer(id: number, method: string, params: Json, signal: AbortSignal): Promise<void> {
    try {
      const handler = this.#options.methods.get(method);
      if (handler === undefined) {
        throw new DrawbridgeError('control.unknown_method', `There is no method '${method}' here.`, {
          hint: 'The command and the running role may be of different versions.',
        });
      }
      const outcome = handler(params, { signal, actor: this.#options.actor });
      if (isStream(outcome)) await this.#sendAll(id, outcome, signal);
      else this.#write({ id, result: (await outcome) ?? null });
    } catch (error) {
      this.#write({ id, error: this.#wireError(error, method) });
    }
  }

  async #sendAll(id: number, items: AsyncIterable<Json>, signal: AbortSignal): Promise<void> {
    for await (const item of items) {
      if (signal.aborted) break;
      this.#write({ id, item });
      if (this.#socket.writableNeedDrain) await once(this.#socket, 'drain', { signal });
    }
    this.#write({ id, end: true });
  }

  #wireError(error: unknown, method: string): { code: string; message: string; hint?: string } {
    if (error instanceof DrawbridgeError) {
      const { code, message, hint } = error;
      return hint === undefined ? { code, message } : { code, message, hint };
    }
    if (error instanceof Error && error.name === 'AbortError') {
      return { code: 'control.cancelled', message: 'The request was cancelled.' };
    }
    this.#options.log.error({ method, error: messageOf(error) }, 'a control request failed');
    return { code: 'control.failed', message: `'${method}' failed; the log of the role says why.` };
  }

  #hangUp(code: string, message: string): void {
    this.#abortAll();
    this.#socket.removeAllListeners('data');
    this.#socket.resume();
    this.#socket.end(encodeMessage({ id: null, error: { code, message } }));
  }

  #write(message: ServerMessage): void {
    if (this.#socket.writable) this.#socket.write(encodeMessage(message));
  }

  #abortAll(): void {
    for (const request of this.#requests.values()) request.abort();
  }
}

function isStream(
  outcome: Promise<Json | undefined> | Promise<void> | AsyncIterable<Json>,
): outcome is AsyncIterable<Json> {
  return Symbol.asyncIterator in outcome;
}
