import type { Clock } from '../clock.ts';
import { DrawbridgeError } from '../errors.ts';
import { REPLY_TIMEOUT_MS } from './limits.ts';
import { PrefaceReader, parseReply } from './preface.ts';
import type { OpenedStream, PrefaceReply } from './tunnel.ts';
import type { YamuxStream } from './yamux/stream.ts';

type Acceptance = Extract<PrefaceReply, { ok: true }>;

/** What {@link requestOn} needs. */
export interface RequestOptions {
  readonly clock: Clock;
  /** The encoded request. */
  readonly preface: Buffer;
  readonly signal: AbortSignal | undefined;
  /** Why a stream that was reset before its reply has gone. */
  describeLoss(): DrawbridgeError;
}

/** Sends the request on a new stream and waits for the reply, ahead of everything else that comes. */
export function requestOn(stream: YamuxStream, options: RequestOptions): OpenedStream {
  const reply = new Promise<Acceptance>((resolve, reject) => {
    const reader = new PrefaceReader();
    const timer = options.clock.after(REPLY_TIMEOUT_MS, () => {
      fail(new DrawbridgeError('tunnel.timeout', 'The other end did not answer in time.'));
    });
    const giveUp = () => fail(new DrawbridgeError('tunnel.closed', 'The request was given up.'));
    const onClose = () => fail(options.describeLoss());
    const settle = () => {
      timer.cancel();
      options.signal?.removeEventListener('abort', giveUp);
      stream.off('close', onClose);
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
      stream.destroy();
    };
    stream.once('close', onClose);
    options.signal?.addEventListener('abort', giveUp, { once: true });
    stream.readHead((piece) => {
      try {
        const read = reader.push(piece);
        if (read === undefined) return undefined;
        const answer = parseReply(read.value);
        if (!answer.ok) throw refusalOf(answer);
        settle();
        resolve(answer);
        return read.rest;
      } catch (error) {
        fail(error);
        return Buffer.alloc(0);
      }
    });
    stream.write(options.preface);
    if (options.signal?.aborted === true) giveUp();
  });
  // The caller may look at the stream alone; an unheard refusal must not end the process.
  reply.catch(() => {});
  return { stream, reply };
}

function refusalOf(reply: Extract<PrefaceReply, { ok: false }>): DrawbridgeError {
  return new DrawbridgeError(reply.code, reply.message, reply.hint === undefined ? {} : { hint: reply.hint });
}
