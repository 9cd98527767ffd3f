import { messageOf } from '../errors.ts';
import type { ChannelHandlers } from './channel-handlers.ts';
import type { ChannelRequest } from './channel-request.ts';
import { type DataStream, OrderedQueue, type QueueItem } from './ordered-queue.ts';
import { protocolFault } from './wire.ts';

/** Requests of a peer that may wait behind one that is being decided; one more ends the connection. */
export const MAX_WAITING_REQUESTS = 1024;

/** And how large they may be together. */
export const MAX_WAITING_REQUEST_BYTES = 1024 * 1024;

type Arrival =
  | {
      readonly kind: 'request';
      readonly request: ChannelRequest;
      readonly wantReply: boolean;
      readonly sizeBytes: number;
    }
  | { readonly kind: 'eof' }
  | { readonly kind: 'closed' };

/** What an inbox needs from its channel. */
export interface InboxOwner {
  /** A request that wants an answer has been decided. */
  answer(granted: boolean): void;
  fail(error: unknown): void;
  /** True when the channel is gone: what is left is handed out to whoever is there. */
  readonly isGone: boolean;
}

/**
 * What a channel receives, handed out strictly in order: nothing passes a request that is still being decided, and
 * data waits for somebody who takes data.
 */
export class ChannelInbox {
  readonly #queue = new OrderedQueue<Arrival>();
  readonly #owner: InboxOwner;
  #handlers: ChannelHandlers | undefined;
  #deciding = false;
  #afterDecision: (() => void)[] = [];
  #requestBytes = 0;
  #closedHandedOut = false;

  constructor(owner: InboxOwner) {
    this.#owner = owner;
  }

  get handlers(): ChannelHandlers {
    return this.#handlers ?? {};
  }

  attach(handlers: ChannelHandlers): void {
    this.#handlers = handlers;
    if (this.#closedHandedOut) handlers.onClosed?.();
    else this.#deliver();
  }

  /** Runs `run` when the request that is being decided has been answered; at once when there is none. */
  whenDecided(run: () => void): void {
    if (this.#deciding) this.#afterDecision.push(run);
    else run();
  }

  data(chunk: Buffer, stream: DataStream): void {
    if (chunk.length === 0) return;
    const { onData } = this.handlers;
    if (onData !== undefined && !this.#deciding && this.#queue.isEmpty) {
      onData.call(this.#handlers, chunk, stream);
      return;
    }
    this.#queue.pushData(chunk, stream);
    this.#deliver();
  }

  eof(): void {
    this.#push({ kind: 'eof' });
  }

  closed(): void {
    this.#push({ kind: 'closed' });
  }

  /** @throws `ssh.protocol` when too many wait. */
  request(request: ChannelRequest, wantReply: boolean, sizeBytes: number): void {
    this.#requestBytes += sizeBytes;
    if (this.#queue.marks >= MAX_WAITING_REQUESTS || this.#requestBytes > MAX_WAITING_REQUEST_BYTES)
      throw protocolFault('Too many requests wait on one channel.');
    this.#push({ kind: 'request', request, wantReply, sizeBytes });
  }

  #push(arrival: Arrival): void {
    this.#queue.pushMark(arrival);
    this.#deliver();
  }

  #deliver(): void {
    while (this.#handlers !== undefined && !this.#deciding) {
      const next = this.#queue.peek();
      if (next === undefined || (isStreamItem(next) && this.#holdsStream)) return;
      const item = this.#queue.shift();
      if (item === undefined) return;
      if (item.kind === 'data') this.#handlers.onData?.(item.chunk, item.stream);
      else if (item.mark.kind === 'eof') this.#handlers.onEof?.();
      else if (item.mark.kind === 'request') this.#decide(item.mark);
      else {
        this.#closedHandedOut = true;
        this.#handlers.onClosed?.();
      }
    }
  }

  /** Data and EOF wait for a listener that takes data: a command may start after its input has come. */
  get #holdsStream(): boolean {
    return this.handlers.onData === undefined && !this.#owner.isGone;
  }

  #decide({ request, wantReply, sizeBytes }: Extract<Arrival, { kind: 'request' }>): void {
    this.#requestBytes -= sizeBytes;
    let decision: boolean | Promise<boolean>;
    try {
      decision = this.handlers.onRequest?.(request) ?? false;
    } catch (error) {
      this.#owner.fail(error);
      return;
    }
    if (typeof decision === 'boolean') {
      if (wantReply) this.#owner.answer(decision);
      return;
    }
    this.#deciding = true;
    const settle = (granted: boolean): void => {
      this.#deciding = false;
      if (wantReply) this.#owner.answer(granted);
      for (const run of this.#afterDecision.splice(0)) run();
      this.#deliver();
    };
    decision
      .then(settle, () => settle(false))
      .catch((error: unknown) => this.#owner.fail(protocolFault(messageOf(error))));
  }
}

function isStreamItem(item: QueueItem<Arrival>): boolean {
  return item.kind === 'data' || item.mark.kind === 'eof';
}
