import { connect as dial, type Socket } from 'node:net';
import type { Json } from '../audit/event.ts';
import { DrawbridgeError, systemCodeOf } from '../errors.ts';
import { decodeMessage, encodeMessage, LineSplitter, type ServerMessage, serverMessage } from './wire.ts';

/** Longest line that a role answers with. */
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024;
/** Items of a stream that are held while nobody asks for them; beyond it, the role has to wait. */
const HELD_ITEMS = 256;

/** What waits for the answers to one request. */
interface Pending {
  take(message: ServerMessage): void;
  fail(error: DrawbridgeError): void;
}

/** A connection to the control socket of a role. Requests may go on at once. */
export class ControlClient {
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #lines = new LineSplitter(ANSWER_LIMIT_BYTES);
  #lastId = 0;
  #ended: DrawbridgeError | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', () => socket.destroy());
    socket.once('close', () =>
      this.#end(
        new DrawbridgeError('control.closed', 'The role closed the connection; it may have stopped.'),
      ),
    );
  }

  /** @throws `control.not_running`, `control.not_allowed` */
  static connect(socketPath: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = dial(socketPath);
      const onError = (error: Error) => reject(connectError(socketPath, error));
      socket.once('error', onError);
      socket.once('connect', () => {
        socket.off('error', onError);
        resolve(new ControlClient(socket));
      });
    });
  }

  /** Calls a method and gives back its result. @throws what the role answered, or `control.closed` */
  call(method: string, params?: Json): Promise<Json> {
    return new Promise((resolve, reject) => {
      const id = this.#send(method, params, {
        take: (message) => {
          this.#pending.delete(id);
          if ('result' in message) resolve(message.result);
          else if ('error' in message) reject(errorOf(message.error));
          else reject(new DrawbridgeError('control.malformed', `'${method}' answers with a stream.`));
        },
        fail: reject,
      });
    });
  }

  /**
   * Calls a method that answers with a stream. Leaving the loop cancels the request. Nothing else can be read on this
   * connection while more than {@link HELD_ITEMS} items wait to be taken.
   */
  async *stream(method: string, params?: Json): AsyncIterable<Json> {
    const queue = new ItemQueue(this.#socket);
    const id = this.#send(method, params, queue);
    try {
      yield* queue.items();
    } finally {
      const underWay = this.#pending.delete(id);
      this.#socket.resume();
      if (underWay && this.#socket.writable) this.#socket.write(encodeMessage({ id, cancel: true }));
    }
  }

  /** Hangs up; what is going on is cancelled. */
  close(): void {
    this.#end(new DrawbridgeError('control.closed', 'The connection was closed.'));
    this.#socket.destroy();
  }

  #send(method: string, params: Json | undefined, pending: Pending): number {
    this.#lastId += 1;
    const id = this.#lastId;
    if (this.#ended !== undefined) {
      pending.fail(this.#ended);
      return id;
    }
    this.#pending.set(id, pending);
    this.#socket.write(encodeMessage(params === undefined ? { id, method } : { id, method, params }));
    return id;
  }

  #receive(chunk: Buffer): void {
    for (const line of this.#lines.push(chunk) ?? ['']) {
      const message = decodeMessage(line, serverMessage);
      if (message === undefined) {
        this.#end(
          new DrawbridgeError('control.malformed', 'The role answered with something that is no answer.'),
        );
        this.#socket.destroy();
        return;
      }
      if (message.id !== null) this.#pending.get(message.id)?.take(message);
      else if ('error' in message) this.#end(errorOf(message.error));
    }
  }

  #end(error: DrawbridgeError): void {
    this.#ended ??= error;
    for (const pending of this.#pending.values()) pending.fail(this.#ended);
    this.#pending.clear();
  }
}

/** Items of a stream between the socket and the loop that takes them. */
class ItemQueue implements Pending {
  readonly #socket: Socket;
  readonly #items: Json[] = [];
  #outcome: { error?: DrawbridgeError } | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  take(message: ServerMessage): void {
    if ('item' in message) this.#items.push(message.item);
    else if ('error' in message) this.#outcome = { error: errorOf(message.error) };
    else this.#outcome = {};
    if (this.#items.length > HELD_ITEMS) this.#socket.pause();
    this.#wake?.();
  }

  fail(error: DrawbridgeError): void {
    this.#outcome ??= { error };
    this.#wake?.();
  }

  async *items(): AsyncIterable<Json> {
    while (true) {
      for (let item = this.#items.shift(); item !== undefined; item = this.#items.shift()) yield item;
      if (this.#outcome?.error !== undefined) throw this.#outcome.error;
      if (this.#outcome !== undefined) return;
      this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function errorOf(error: { code: string; message: string; hint?: string }): DrawbridgeError {
  return new DrawbridgeError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint });
}

function connectError(path: string, cause: unknown): DrawbridgeError {
  const code = systemCodeOf(cause);
  if (code === 'EACCES' || code === 'EPERM') {
    return new DrawbridgeError(
      'control.not_allowed',
      `This account may not use the control socket ${path}.`,
      {
        hint: 'Run the command as root or as the account that the role runs as.',
        cause,
      },
    );
  }
  return new DrawbridgeError('control.not_running', `Nothing answers at ${path}.`, {
    hint: "Start the role first, and check 'dataDir' in its config file.",
    cause,
  });
}
