import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../shared/clock.ts';
import { createEgress } from '../../../shared/egress/egress.ts';
import { createNodeIdentity, type NodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { TunnelAcceptor } from '../../../shared/tunnel/acceptor.ts';
import type { StreamHandler, Tunnel } from '../../../shared/tunnel/tunnel.ts';
import { Uplink } from '../../../shared/tunnel/uplink.ts';
import type { UplinkOptions } from '../../../shared/tunnel/uplink-options.ts';
import { createTemporaryDirectory } from '../../support/temporary-directory.ts';
import { createTestCertificate, type TestCertificate } from '../../support/test-certificate.ts';
import { waitFor } from '../../support/wait-for.ts';

let certificate: TestCertificate;
let proxyIdentity: NodeIdentity;
let otherProxyIdentity: NodeIdentity;
let bastionIdentity: NodeIdentity;
let strangerIdentity: NodeIdentity;

beforeAll(async () => {
  const directory = createTemporaryDirectory();
  certificate = await createTestCertificate();
  proxyIdentity = await createNodeIdentity(`${directory.path}/p`, 'proxy', 'vendor');
  otherProxyIdentity = await createNodeIdentity(`${directory.path}/q`, 'proxy', 'impostor');
  bastionIdentity = await createNodeIdentity(`${directory.path}/b`, 'bastion', 'acme');
  strangerIdentity = await createNodeIdentity(`${directory.path}/s`, 'bastion', 'stranger');
  return directory.remove;
});

const echo: StreamHandler = (incoming) => {
  const stream = incoming.accept();
  stream.pipe(stream);
};

interface Meeting {
  readonly acceptor: TunnelAcceptor;
  readonly port: number;
  readonly refused: { reason: string; id?: string }[];
  close(): Promise<void>;
}

async function listen(identity: NodeIdentity, port = 0): Promise<Meeting> {
  const refused: { reason: string; id?: string }[] = [];
  const acceptor = new TunnelAcceptor({
    identity,
    findPeer: async (id) =>
      id === bastionIdentity.id ? { id, name: 'acme', publicJwk: bastionIdentity.publicJwk } : undefined,
    onTunnel: () => {},
    onStream: (incoming, tunnel) => echo(incoming, tunnel),
    onRefused: (event) => refused.push(event),
    clock: systemClock,
    log: silentLogger(),
  });
  const server: Server = createServer({ cert: certificate.cert, key: certificate.key });
  server.on('upgrade', (request, socket, head) => acceptor.handleUpgrade(request, socket, head));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    await acceptor.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return { acceptor, port: (server.address() as AddressInfo).port, refused, close };
}

function uplinkTo(meeting: Meeting, options: Partial<UplinkOptions> = {}): Uplink {
  const uplink = new Uplink({
    url: `https://127.0.0.1:${meeting.port}`,
    identity: bastionIdentity,
    peer: { id: proxyIdentity.id, publicJwk: proxyIdentity.publicJwk },
    egress: createEgress({}, { env: {}, extraCa: [certificate.ca] }),
    tunnels: 2,
    onStream: echo,
    clock: systemClock,
    log: silentLogger(),
    ...options,
  });
  onTestFinished(() => uplink.stop('test.closed', 'The test is over.'));
  return uplink;
}

const states = (uplink: Uplink) => uplink.status.map((status) => status.state);

describe('an uplink', () => {
  test('holds its tunnels, through which both sides open streams', async () => {
    const meeting = await listen(proxyIdentity);
    const uplink = uplinkTo(meeting);
    expect(states(uplink)).toEqual(['off', 'off']);
    uplink.start();
    await waitFor(() => meeting.acceptor.tunnels.size === 2 && uplink.pick() !== undefined);
    await uplink.pick()?.open({ v: 1, kind: 'hello' }).reply;
    for (const tunnel of meeting.acceptor.tunnels) await tunnel.open({ v: 1, kind: 'ssh' }).reply;
    await waitFor(() => uplink.status.every((status) => status.rttMs !== undefined));
  });

  test('gives a new stream to the least busy tunnel', async () => {
    const meeting = await listen(proxyIdentity);
    const uplink = uplinkTo(meeting);
    uplink.start();
    await waitFor(() => states(uplink).every((state) => state === 'connected'));
    for (let i = 0; i < 6; i += 1) await uplink.pick()?.open({ v: 1, kind: 'ssh' }).reply;
    expect(uplink.status.map((status) => status.streams)).toEqual([3, 3]);
  });

  test('dials again when the peer was restarted', async () => {
    const before = await listen(proxyIdentity);
    const uplink = uplinkTo(before);
    uplink.start();
    await waitFor(() => before.acceptor.tunnels.size === 2);
    await before.close();
    await waitFor(() => states(uplink).every((state) => state !== 'connected'));
    const after = await listen(proxyIdentity, before.port);
    await waitFor(() => after.acceptor.tunnels.size === 2);
  });

  test('is silent after stop, tells the peer why, and comes back with start', async () => {
    const meeting = await listen(proxyIdentity);
    const uplink = uplinkTo(meeting);
    uplink.start();
    await waitFor(() => states(uplink).every((state) => state === 'connected'));
    await waitFor(() => meeting.acceptor.tunnels.size === 2);
    const [tunnel] = meeting.acceptor.tunnels;
    await uplink.stop('gate.off', 'Remote access was turned off.');
    expect(states(uplink)).toEqual(['off', 'off']);
    await waitFor(() => meeting.acceptor.tunnels.size === 0);
    expect(tunnel?.signal.reason).toEqual({ code: 'gate.off', message: 'Remote access was turned off.' });
    uplink.start();
    await waitFor(() => meeting.acceptor.tunnels.size === 2);
  });

  test('tells that it is about to go, while what is open goes on, and dials no other tunnel', async () => {
    const meeting = await listen(proxyIdentity);
    const uplink = uplinkTo(meeting, { tunnels: 1 });
    uplink.start();
    const tunnel = await waitFor(() => [...meeting.acceptor.tunnels][0]);
    const { stream, reply } = tunnel.open({ v: 1, kind: 'ssh' });
    await reply;
    uplink.leave();
    await waitFor(() => tunnel.draining);
    stream.write('still here');
    expect(String((await once(stream, 'data'))[0])).toBe('still here');
    expect(states(uplink)).toEqual(['off']);
    await uplink.stop('agent.stopping', 'It stops.');
    await waitFor(() => meeting.acceptor.tunnels.size === 0);
    expect(tunnel.signal.reason).toEqual({ code: 'agent.stopping', message: 'It stops.' });
    uplink.start();
    await waitFor(() => meeting.acceptor.tunnels.size === 1);
  });

  test('can be stopped in the middle of a dial', async () => {
    const meeting = await listen(proxyIdentity);
    const uplink = uplinkTo(meeting);
    uplink.start();
    await uplink.stop('gate.off', 'Remote access was turned off.');
    expect(states(uplink)).toEqual(['off', 'off']);
    await waitFor(() => meeting.acceptor.tunnels.size === 0);
  });

  test('replaces a draining tunnel before it lets it go', async () => {
    const meeting = await listen(proxyIdentity);
    const uplink = uplinkTo(meeting, { tunnels: 1 });
    uplink.start();
    const old = await waitFor(() => [...meeting.acceptor.tunnels][0]);
    await waitFor(() => uplink.pick() !== undefined);
    const { stream, reply } = uplink.pick()?.open({ v: 1, kind: 'ssh' }) ?? {};
    await reply;
    const drained = old.drain(60_000);
    await waitFor(() => uplink.pick() !== undefined && meeting.acceptor.tunnels.size === 2);
    expect(old.signal.aborted).toBe(false);
    stream?.end();
    stream?.resume();
    await drained;
    await waitFor(() => old.signal.aborted && meeting.acceptor.tunnels.size === 1);
  });

  test('does not speak to a peer that is not the pinned one, whatever its certificate says', async () => {
    const meeting = await listen(otherProxyIdentity);
    const uplink = uplinkTo(meeting, { tunnels: 1 });
    const tunnels: Tunnel[] = [];
    uplinkTo(meeting, { onTunnel: (tunnel) => tunnels.push(tunnel) });
    uplink.start();
    const problem = await waitFor(() => uplink.status[0]?.problem);
    expect(problem).toContain('does not know the dialler');
    expect(meeting.refused[0]?.reason).toBe('wrong_audience');
    expect(tunnels).toEqual([]);
  });

  test('of somebody who is not enrolled is refused, and the refusal is told with its reason', async () => {
    const meeting = await listen(proxyIdentity);
    const uplink = uplinkTo(meeting, { tunnels: 1, identity: strangerIdentity });
    uplink.start();
    await waitFor(() => uplink.status[0]?.problem);
    expect(meeting.refused[0]?.reason).toBe('unknown_issuer');
  });

  test('names the clocks where they are so far apart that the other end believes nothing', async () => {
    const meeting = await listen(proxyIdentity);
    const fast = { ...systemClock, nowMs: () => Date.now() + 3_600_000 };
    const uplink = uplinkTo(meeting, { tunnels: 1, clock: fast });
    uplink.start();
    const problem = await waitFor(() => uplink.status[0]?.problem);
    expect(problem).toMatch(/does not believe its token\. Its clock is 3\d{3} s behind this machine's\.$/);
  });

  test('says in plain words that nobody listens', async () => {
    const meeting = await listen(proxyIdentity);
    await meeting.close();
    const uplink = uplinkTo(meeting, { tunnels: 1 });
    uplink.start();
    expect(await waitFor(() => uplink.status[0]?.problem)).toBe(
      `Nothing listens at 127.0.0.1:${meeting.port}.`,
    );
    expect(states(uplink)[0]).toMatch(/waiting|connecting/);
  });
});
