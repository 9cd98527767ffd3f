import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { DrawbridgeError, systemCodeOf } from '../../shared/errors.ts';

/**
 * Binds an HTTPS server (port 0: any free one) and gives its address as one would open it.
 * @throws `listen.in_use`, `listen.not_permitted`, `listen.no_such_address`, `listen.failed`.
 */
export function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(listenError(error, host, port));
    server.once('error', onError);
    server.listen({ host, port }, () => {
      server.off('error', onError);
      resolve(addressOf(server.address(), host));
    });
  });
}

function addressOf(address: AddressInfo | string | null, host: string): string {
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function listenError(cause: Error, host: string, port: number): DrawbridgeError {
  switch (systemCodeOf(cause)) {
    case 'EADDRINUSE':
      return new DrawbridgeError('listen.in_use', `Port ${port} on ${host} is in use by another program.`, {
        hint: 'Stop that program, or set another port at "https.port" in the config file.',
        cause,
      });
    case 'EACCES':
      return new DrawbridgeError('listen.not_permitted', `This account may not listen on port ${port}.`, {
        hint: 'Use a port above 1023, or give the program the capability CAP_NET_BIND_SERVICE.',
        cause,
      });
    case 'EADDRNOTAVAIL':
      return new DrawbridgeError('listen.no_such_address', `This machine has no address ${host}.`, {
        hint: 'Set "https.host" in the config file to one of its addresses, or to 0.0.0.0 for all of them.',
        cause,
      });
    default:
      return new DrawbridgeError('listen.failed', `Can not listen on ${host}:${port}.`, { cause });
  }
}
