import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { listenFault } from '../../shared/listen-fault.ts';

/**
 * Binds an HTTPS server (port 0: any free one) and gives its address as one would open it.
 * @throws `listen.in_use`, `listen.not_permitted`, `listen.no_such_address`, `listen.failed`.
 */
export function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error) => reject(listenFault(error, { host, port, key: 'https' }));
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
