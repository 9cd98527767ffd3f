import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../shared/clock.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { AccessGuard, Caller } from './access-guard.ts';

/** Streams of server-sent events at once, over all callers. */
export const EVENT_STREAM_LIMIT = 128;
/** Of them one caller's, so that nobody can keep the others from seeing what happens. */
export const EVENT_STREAMS_PER_CALLER = 32;
/** In silence {@link ALIVE} goes out this often: it keeps middleboxes from closing the stream, and both ends notice when the other has gone. */
const HEARTBEAT_MS = 5_000;
/** An event rather than a comment, since browsers keep comments from the page. */
const ALIVE: ServerSentEvent = { event: 'alive', data: {} };
/** So often it is looked whether a viewer may still look, however busy or stuck the stream is. */
const STANDING_CHECK_MS = 5_000;
/** What a browser waits before it connects again. */
const RETRY_MS = 2_000;

/** One message of a stream (WHATWG HTML, 9.2). */
export interface ServerSentEvent {
  /** `message` when left out. */
  readonly event?: string;
  readonly data: unknown;
}

const STREAM_ENDED = Symbol('the server closes');

/** All running streams of server-sent events: their number is bounded, and they end with the server or the sign-in. */
export class EventStreams {
  readonly #clock: Clock;
  readonly #guard: AccessGuard;
  readonly #running = new Map<AbortController, Caller>();

  constructor(options: { readonly clock: Clock; readonly guard: AccessGuard }) {
    this.#clock = options.clock;
    this.#guard = options.guard;
  }

  /**
   * Reserves a stream for `request` and starts its source, which must end when its signal aborts. What `start` throws
   * reaches the caller as an ordinary refusal. Backpressure is the socket's: a slow viewer slows its own source.
   * @throws `request.too_many_streams`.
   */
  async send(
    request: FastifyRequest,
    reply: FastifyReply,
    start: (signal: AbortSignal) => AsyncIterable<ServerSentEvent> | Promise<AsyncIterable<ServerSentEvent>>,
  ): Promise<FastifyReply> {
    const caller = this.#guard.callerOf(request);
    const own = [...this.#running.values()].filter(({ actor }) => actor === caller.actor).length;
    if (this.#running.size >= EVENT_STREAM_LIMIT || own >= EVENT_STREAMS_PER_CALLER) {
      throw new DrawbridgeError('request.too_many_streams', 'Too many pages follow this bastion at once.', {
        hint: 'Close some of them and try again.',
      });
    }
    const controller = new AbortController();
    // Who has left already sends no `close` any more, and would hold a place for good.
    if (reply.raw.destroyed) throw new DrawbridgeError('request.gone', 'The viewer has gone.');
    this.#running.set(controller, caller);
    const check = this.#clock.every(STANDING_CHECK_MS, () => void this.#checkStanding(controller, caller));
    controller.signal.addEventListener('abort', () => check.cancel(), { once: true });
    reply.raw.once('close', () => {
      this.#running.delete(controller);
      controller.abort();
    });
    try {
      const source = await start(controller.signal);
      reply
        .header('content-type', 'text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no');
      return reply.send(Readable.from(this.#frames(source, controller), { objectMode: false }));
    } catch (error) {
      this.#running.delete(controller);
      controller.abort();
      throw error;
    }
  }

  /** Ends the streams of those who may no longer look: to be called when a sign-in or a token was ended. */
  async endStale(): Promise<void> {
    await Promise.all([...this.#running].map((stream) => this.#checkStanding(...stream)));
  }

  /** Ends every stream. */
  close(): void {
    for (const controller of this.#running.keys()) controller.abort();
  }

  async #checkStanding(controller: AbortController, caller: Caller): Promise<void> {
    // When it can't be told, they may not.
    const isStillIn = await this.#guard.isStillIn(caller).catch(() => false);
    if (!isStillIn) controller.abort();
  }

  async *#frames(
    source: AsyncIterable<ServerSentEvent>,
    controller: AbortController,
  ): AsyncGenerator<string, void, void> {
    yield `retry: ${RETRY_MS}\n\n`;
    const iterator = source[Symbol.asyncIterator]();
    const ended = whenAborted(controller.signal);
    let next = iterator.next();
    try {
      for (;;) {
        const heartbeat = this.#heartbeat();
        const winner = await Promise.race([next, heartbeat.due, ended]);
        heartbeat.cancel();
        // A busy source may win the race for ever.
        if (winner === STREAM_ENDED || controller.signal.aborted) return;
        if (winner === undefined) {
          yield frameOf(ALIVE);
          continue;
        }
        if (winner.done === true) return;
        yield frameOf(winner.value);
        next = iterator.next();
      }
    } finally {
      controller.abort();
      next.catch(() => undefined);
      iterator.return?.().catch(() => undefined);
    }
  }

  #heartbeat(): { due: Promise<undefined>; cancel(): void } {
    let cancel = () => {};
    const due = new Promise<undefined>((resolve) => {
      const timer = this.#clock.after(HEARTBEAT_MS, () => resolve(undefined));
      cancel = () => timer.cancel();
    });
    return { due, cancel };
  }
}

function whenAborted(signal: AbortSignal): Promise<typeof STREAM_ENDED> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(STREAM_ENDED);
    else signal.addEventListener('abort', () => resolve(STREAM_ENDED), { once: true });
  });
}

/** JSON has no raw line break, so the data is always one line. */
function frameOf(event: ServerSentEvent): string {
  const name = event.event === undefined ? '' : `event: ${event.event}\n`;
  return `${name}data: ${JSON.stringify(event.data)}\n\n`;
}
