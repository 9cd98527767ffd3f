import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { DrawbridgeError } from '../errors.ts';
import { CLIENT_TLS_OPTIONS } from '../tls/options.ts';
import { describeConnectFailure } from './connect-failure.ts';
import type { Egress } from './egress.ts';

/**
 * A TLS connection that speaks no HTTP, by the way out of this machine: direct or through a CONNECT proxy. The
 * certificate is checked.
 * @throws `egress.*` with a plain sentence
 */
export async function connectTls(
  egress: Egress,
  { host, port }: { readonly host: string; readonly port: number },
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<TLSSocket> {
  const url = new URL(`https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`);
  const signal = AbortSignal.any([AbortSignal.timeout(options.timeoutMs), options.signal]);
  try {
    return await new Promise<TLSSocket>((resolve, reject) => {
      const giveUp = () => reject(new DrawbridgeError('egress.timeout', `${url.host} does not answer.`));
      const opened = (socket: Duplex | null | undefined): void => {
        if (!(socket instanceof TLSSocket)) return;
        socket.once('error', reject);
        const drop = () => {
          socket.destroy();
          giveUp();
        };
        signal.addEventListener('abort', drop, { once: true });
        if (signal.aborted) drop();
        socket.once('secureConnect', () => {
          signal.removeEventListener('abort', drop);
          resolve(socket);
        });
      };
      signal.addEventListener('abort', giveUp, { once: true });
      const connection = {
        ...CLIENT_TLS_OPTIONS,
        ...(egress.ca.length === 0 ? {} : { ca: egress.ca }),
        host,
        port,
        servername: isIP(host) === 0 ? host : '',
      };
      let known = false;
      const take = (socket: Duplex | null | undefined): void => {
        if (known || socket == null) return;
        known = true;
        opened(socket);
      };
      // A direct agent gives the socket back, one that goes through a proxy calls when it has it.
      take(
        egress.agentFor(url).createConnection(connection, (error: Error | null, socket: Duplex) => {
          if (error === null) take(socket);
          else reject(error);
        }),
      );
    });
  } catch (error) {
    throw describeConnectFailure(error, url, egress);
  }
}
