import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import { createNodeIdentity, type NodeIdentity } from '../../shared/identity/node-identity.ts';
import { silentLogger } from '../../shared/log.ts';
import { TunnelAcceptor, type TunnelAcceptorOptions } from '../../shared/tunnel/acceptor.ts';
import type { StreamHandler } from '../../shared/tunnel/tunnel.ts';
import { Uplink } from '../../shared/tunnel/uplink.ts';
import type { UplinkOptions } from '../../shared/tunnel/uplink-options.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { createTestCertificate, type TestCertificate } from './test-certificate.ts';

/** A proxy and a bastion that know each other. */
export interface Acquaintances {
  readonly proxy: NodeIdentity;
  readonly bastion: NodeIdentity;
  readonly certificate: TestCertificate;
}

/** Makes {@link Acquaintances} for the running test. */
export async function acquaint(): Promise<Acquaintances> {
  const directory = temporaryDirectory();
  return {
    proxy: await createNodeIdentity(`${directory}/proxy`, 'proxy', 'vendor'),
    bastion: await createNodeIdentity(`${directory}/bastion`, 'bastion', 'acme'),
    certificate: await createTestCertificate(),
  };
}

/** Gives back whatever comes. */
export const echoStreams: StreamHandler = (incoming) => {
  const stream = incoming.accept();
  stream.pipe(stream);
};

/** The proxy's side behind HTTPS on loopback, until the test has finished or `close` was called. */
export async function meet(
  who: Acquaintances,
  options: Partial<TunnelAcceptorOptions> & { readonly port?: number } = {},
) {
  const refused: string[] = [];
  const { port = 0, ...overrides } = options;
  const acceptor = new TunnelAcceptor({
    identity: who.proxy,
    findPeer: async (id) =>
      id === who.bastion.id ? { id, name: 'acme', publicJwk: who.bastion.publicJwk } : undefined,
    onTunnel: () => {},
    onStream: echoStreams,
    onRefused: ({ reason }) => refused.push(reason),
    clock: systemClock,
    log: silentLogger(),
    ...overrides,
  });
  const server = createServer({ cert: who.certificate.cert, key: who.certificate.key });
  server.on('upgrade', (request, socket, head) => acceptor.handleUpgrade(request, socket, head));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    await acceptor.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return { acceptor, server, refused, close, port: (server.address() as AddressInfo).port };
}

/** The bastion's side, dialling `port` on loopback; stopped with the test. */
export function uplinkTo(who: Acquaintances, port: number, options: Partial<UplinkOptions> = {}): Uplink {
  const uplink = new Uplink({
    url: `https://127.0.0.1:${port}`,
    identity: who.bastion,
    peer: { id: who.proxy.id, publicJwk: who.proxy.publicJwk },
    egress: createEgress({}, { env: {}, extraCa: [who.certificate.ca] }),
    tunnels: 1,
    onStream: echoStreams,
    clock: systemClock,
    log: silentLogger(),
    ...options,
  });
  onTestFinished(() => uplink.stop('test.closed', 'The test is over.'));
  return uplink;
}
