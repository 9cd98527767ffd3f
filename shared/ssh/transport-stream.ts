import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';

/** How long a peer may take to close its half after we have closed ours; then the stream is destroyed. */
export const LINGER_MS = 2_000;

/** How a transport stream ended: the error that ended it, if one did. */
export type TransportEnd = { readonly error?: string };

/**
 * Prepares any Duplex (a socket, a tunnel's stream) for ssh2, which wants `allowHalfOpen: false`: SSH has no use for
 * half a transport, so either half's end ends both, and a peer that does not follow is cut off.
 */
export function prepareTransport(stream: Duplex, clock: Clock, onEnd: (end: TransportEnd) => void): void {
  let error: string | undefined;
  const linger = (): void => {
    clock.after(LINGER_MS, () => stream.destroy());
  };
  stream.on('error', (cause) => {
    error ??= messageOf(cause);
  });
  stream.once('end', () => {
    if (!stream.writableEnded) stream.end();
    linger();
  });
  stream.once('finish', linger);
  stream.once('close', () => onEnd(error === undefined ? {} : { error }));
}
