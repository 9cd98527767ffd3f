import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** What a {@link startConnectProxy} does with CONNECT. */
export type ProxyBehaviour =
  | { readonly kind: 'relay'; readonly credentials?: string }
  | { readonly kind: 'answer'; readonly status: number }
  | { readonly kind: 'hang' }
  /** Closes before it answers. */
  | { readonly kind: 'close' }
  /** Says that the connection is there, and closes it when the client begins its handshake. */
  | { readonly kind: 'close_after_connect' };

/** A CONNECT proxy on loopback that behaves well or badly, for the running test. */
export async function startConnectProxy(
  behaviour: ProxyBehaviour,
): Promise<{ port: number; targets: string[] }> {
  const targets: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('connect', (request, client) => {
    client.on('error', () => client.destroy());
    targets.push(request.url ?? '');
    if (behaviour.kind === 'hang') return;
    if (behaviour.kind === 'close') {
      client.destroy();
      return;
    }
    if (behaviour.kind === 'answer') {
      client.end(`HTTP/1.1 ${behaviour.status} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    if (behaviour.kind === 'close_after_connect') {
      client.once('data', () => client.destroy());
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      return;
    }
    const { credentials } = behaviour;
    const expected = `Basic ${Buffer.from(credentials ?? '').toString('base64')}`;
    if (credentials !== undefined && request.headers['proxy-authorization'] !== expected) {
      client.end(
        'HTTP/1.1 407 Who are you\r\nproxy-authenticate: Basic realm="test"\r\ncontent-length: 0\r\n\r\n',
      );
      return;
    }
    const [host, port] = (request.url ?? '').split(':');
    const target = connect(Number(port), host ?? '', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      client.pipe(target);
      target.pipe(client);
    });
    sockets.add(target);
    target.on('error', () => client.destroy());
    client.on('close', () => target.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, targets };
}
