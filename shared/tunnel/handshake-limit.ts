import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { MAX_HANDSHAKES, MAX_HANDSHAKES_PER_ADDRESS } from './limits.ts';
import { PendingDials } from './pending-dials.ts';

/**
 * Limits how many connections of an HTTPS server may be in their TLS handshake, in all and per address. Further ones are
 * destroyed at once, so that somebody who opens thousands and says nothing holds few of our descriptors, and others get
 * in. How long a handshake may take is the server's own `handshakeTimeout`.
 * @param onRefused is told the address; it may be called very often
 */
export function limitHandshakes(server: Server, onRefused: (address: string) => void = () => {}): void {
  const pending = new PendingDials({
    limit: MAX_HANDSHAKES,
    limitPerAddress: MAX_HANDSHAKES_PER_ADDRESS,
  });
  /** How to leave, by connection. */
  const shakingHands = new Map<string, () => void>();
  const done = (key: string) => {
    shakingHands.get(key)?.();
    shakingHands.delete(key);
  };
  // Before Node's own listener, which hands the connection to TLS.
  server.prependListener('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? 'unknown';
    const release = pending.enter(address);
    if (release === undefined) {
      socket.destroy();
      onRefused(address);
      return;
    }
    const key = keyOf(socket);
    shakingHands.set(key, release);
    socket.once('close', () => done(key));
  });
  server.on('secureConnection', (socket: TLSSocket) => done(keyOf(socket)));
}

/** Both the raw socket and the TLS socket over it know the two ends of the connection. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort} ${socket.localPort}`;
}
