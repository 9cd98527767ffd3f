import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { TestCertificate } from './test-certificate.ts';

/** A middlebox that opens TLS in the middle and closes it again, as inspecting firewalls do. */
export interface TlsMiddlebox {
  readonly port: number;
  /** All that it has read in the clear, from the dialler. */
  seen(): string;
  /** From now on it changes one byte of each piece that carries something and that it relays in this direction. */
  tamper(direction: 'to the peer' | 'to the dialler'): void;
}

/** Pieces below this are left alone: pings, credit and the like. */
const TAMPER_FROM_BYTES = 40;

/** Starts a middlebox with a certificate of `own` that relays to `target`, whose certificate it does not check. */
export async function startTlsMiddlebox(own: TestCertificate, target: number): Promise<TlsMiddlebox> {
  const sockets = new Set<TLSSocket>();
  const seen: Buffer[] = [];
  const tampered = { 'to the peer': false, 'to the dialler': false };
  const relay = (from: TLSSocket, to: TLSSocket, direction: keyof typeof tampered) => {
    sockets.add(from);
    from.on('error', () => from.destroy());
    from.once('close', () => {
      sockets.delete(from);
      to.destroy();
    });
    from.on('data', (piece: Buffer) => {
      if (direction === 'to the peer') seen.push(Buffer.from(piece));
      const last = piece.length - 1;
      if (tampered[direction] && piece.length >= TAMPER_FROM_BYTES) piece[last] = (piece[last] ?? 0) ^ 1;
      to.write(piece);
    });
  };
  const server = createServer({ cert: own.cert, key: own.key }, (client) => {
    const peer = connect({ port: target, host: '127.0.0.1', rejectUnauthorized: false });
    relay(client, peer, 'to the peer');
    relay(peer, client, 'to the dialler');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    port: (server.address() as AddressInfo).port,
    seen: () => Buffer.concat(seen).toString('latin1'),
    tamper: (direction) => {
      tampered[direction] = true;
    },
  };
}
