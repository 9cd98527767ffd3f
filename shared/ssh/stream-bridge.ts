import type { Duplex } from 'node:stream';
import { type Clock, systemClock } from '../clock.ts';
import type { SshChannel } from './channel.ts';
import { LINGER_MS } from './transport-stream.ts';

/** What sees every byte before it is passed on. What a hook throws cuts both sides off. */
export interface StreamBridgeHooks {
  /** From the channel's peer to the stream. */
  onInput?(chunk: Buffer): void;
  /** From the stream to the channel's peer. */
  onOutput?(chunk: Buffer): void;
  /** True: when the stream is cut, what it had sent and the channel's peer has not taken yet is dropped. */
  readonly dropWhenCut?: boolean;
}

/**
 * Copies between a forward's channel and a stream (a TCP connection, a tunnel's stream), with backpressure and
 * half-close both ways. Resolves when both are gone, with the error that ended the stream, if one did.
 */
export function bridgeStream(
  channel: SshChannel,
  stream: Duplex,
  hooks: StreamBridgeHooks = {},
  clock: Clock = systemClock,
): Promise<{ readonly error?: unknown }> {
  return new Promise((resolve) => {
    let error: unknown;
    let creditBytes = 0;
    let gone = 0;
    const finishOne = (): void => {
      gone += 1;
      if (gone === 2) resolve(error === undefined ? {} : { error });
    };
    const guard = (run: () => void): void => {
      try {
        run();
      } catch (cause) {
        error ??= cause;
        stream.destroy();
        channel.destroy();
      }
    };

    stream.on('error', (cause) => {
      error ??= cause;
    });
    stream.on('close', () => {
      if (hooks.dropWhenCut === true && error !== undefined) channel.destroy();
      else channel.close();
      finishOne();
    });
    stream.on('drain', () => {
      channel.consumed(creditBytes);
      creditBytes = 0;
    });
    stream.on('data', (chunk: Buffer) => {
      guard(() => {
        hooks.onOutput?.(chunk);
        if (!channel.write(chunk)) stream.pause();
      });
    });
    stream.on('end', () => channel.end());
    if (stream.destroyed) finishOne();

    channel.attach({
      onData(chunk) {
        guard(() => {
          hooks.onInput?.(chunk);
          if (stream.destroyed || stream.write(chunk)) channel.consumed(chunk.length);
          else creditBytes += chunk.length;
        });
      },
      onDrain: () => stream.resume(),
      onEof: () => stream.end(),
      onClosed() {
        finishOne();
        if (stream.destroyed) return;
        // What the peer sent before it closed is still to arrive; what it no longer reads is not wanted.
        stream.end(() => stream.destroy());
        stream.resume();
        clock.after(LINGER_MS, () => stream.destroy());
      },
    });
  });
}
