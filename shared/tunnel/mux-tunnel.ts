import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { receiveStream } from './incoming-stream.ts';
import { MAX_ACCEPT_BACKLOG } from './limits.ts';
import { requestOn } from './opened-stream.ts';
import { encodePreface } from './preface.ts';
import type { Transport } from './transport.ts';
import type { OpenedStream, PrefaceRequest, StreamHandler, Tunnel, TunnelClosed } from './tunnel.ts';
import type { LivenessTimes } from './yamux/liveness.ts';
import { YamuxSession } from './yamux/session.ts';
import type { YamuxStream } from './yamux/stream.ts';

/** What a {@link MuxTunnel} needs. */
export interface MuxTunnelOptions {
  readonly transport: Transport;
  /** Who dialled is the client. */
  readonly side: 'client' | 'server';
  readonly clock: Clock;
  readonly log: Logger;
  readonly onStream: StreamHandler;
  /** Other times than the protocol's; for paths that need them. */
  readonly livenessTimes?: LivenessTimes;
  /** The tunnel has begun to drain, by our wish or the peer's. Called once. */
  onDraining?(): void;
  /** The number of open streams has gone down. */
  onStreamEnded?(): void;
}

/** Ends of a tunnel that are the peer's fault, and worth a line in the log. */
const OFFENCES: ReadonlySet<string> = new Set(['tunnel.protocol_error', 'tunnel.stalled']);

/** A {@link Tunnel}: a yamux session whose streams begin with a preface. */
export class MuxTunnel implements Tunnel {
  readonly id = `t-${randomBytes(8).toString('hex')}`;
  readonly #options: MuxTunnelOptions;
  readonly #session: YamuxSession;
  readonly #end = new AbortController();
  readonly #idleWaiters = new Set<() => void>();
  #draining = false;
  #unanswered = 0;

  constructor(options: MuxTunnelOptions) {
    this.#options = options;
    this.#session = new YamuxSession({
      transport: options.transport,
      side: options.side,
      clock: options.clock,
      ...(options.livenessTimes === undefined ? {} : { livenessTimes: options.livenessTimes }),
      mayAccept: () => this.#unanswered < MAX_ACCEPT_BACKLOG,
      onStream: (stream) => this.#receive(stream),
      onStreamEnded: () => this.#onStreamEnded(),
      onGoAway: () => this.#startDraining(),
      onEnd: (reason) => this.#onEnd(reason),
    });
  }

  get openStreams(): number {
    return this.#session.openStreams;
  }

  get rttMs(): number | undefined {
    return this.#session.rttMs;
  }

  get draining(): boolean {
    return this.#draining;
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Why the tunnel ended, when it has. */
  get closed(): TunnelClosed | undefined {
    return this.#closed;
  }
  #closed: TunnelClosed | undefined;

  /** Starts to read. Separate from the constructor, so that its owner has stored the tunnel before the first stream. */
  start(): void {
    this.#session.start();
  }

  open(request: PrefaceRequest, options: { readonly signal?: AbortSignal } = {}): OpenedStream {
    if (this.#closed !== undefined) throw this.#closedError();
    if (this.#draining) throw drainingError();
    const preface = encodePreface(request);
    return requestOn(this.#session.openStream(), {
      clock: this.#options.clock,
      preface,
      signal: options.signal,
      describeLoss: () => this.#describeLoss(),
    });
  }

  async drain(timeoutMs: number): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#session.goAway();
    this.#startDraining();
    if (this.openStreams === 0) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        timer.cancel();
        this.#idleWaiters.delete(done);
        resolve();
      };
      const timer = this.#options.clock.after(timeoutMs, done);
      this.#idleWaiters.add(done);
    });
  }

  close(code: string, message: string): void {
    this.#session.close({ code, message });
  }

  #receive(stream: YamuxStream): void {
    this.#unanswered += 1;
    receiveStream(stream, {
      clock: this.#options.clock,
      onRequest: (incoming) => this.#options.onStream(incoming, this),
      onSettled: () => {
        this.#unanswered -= 1;
      },
      onHandlerError: (error, request) => {
        this.#options.log.error(
          { err: error, tunnel: this.id, kind: request.kind },
          'a stream was not handled',
        );
      },
    });
  }

  #startDraining(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#options.onDraining?.();
  }

  #onStreamEnded(): void {
    if (this.openStreams === 0) for (const done of [...this.#idleWaiters]) done();
    this.#options.onStreamEnded?.();
  }

  #onEnd(reason: TunnelClosed): void {
    this.#closed = reason;
    if (OFFENCES.has(reason.code)) {
      this.#options.log.warn(
        { tunnel: this.id, problemCode: reason.code, problem: reason.message },
        'a tunnel was ended for what its other end did',
      );
    }
    for (const done of [...this.#idleWaiters]) done();
    this.#end.abort(reason);
  }

  #describeLoss(): DrawbridgeError {
    if (this.#closed !== undefined) return this.#closedError();
    if (this.#draining) return drainingError();
    return new DrawbridgeError('tunnel.closed', 'The other end closed the stream before it answered.');
  }

  #closedError(): DrawbridgeError {
    return new DrawbridgeError('tunnel.closed', this.#closed?.message ?? 'The tunnel is closed.');
  }
}

function drainingError(): DrawbridgeError {
  return new DrawbridgeError(
    'tunnel.draining',
    'The tunnel takes no new streams; it is about to be replaced.',
  );
}
