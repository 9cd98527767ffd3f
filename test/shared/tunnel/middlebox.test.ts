import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../../../shared/clock.ts';
import { createEgress } from '../../../shared/egress/egress.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import { connectSsh } from '../../../shared/ssh/client-connection.ts';
import { generateSshKey, parsePublicLine } from '../../../shared/ssh/keys.ts';
import { serveSsh } from '../../../shared/ssh/server-connection.ts';
import { dialTransport } from '../../../shared/tunnel/dial.ts';
import { TUNNEL_SUBPROTOCOL } from '../../../shared/tunnel/limits.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { createTestCertificate } from '../../support/test-certificate.ts';
import { startTlsMiddlebox } from '../../support/tls-middlebox.ts';
import { acquaint, meet, uplinkTo } from '../../support/tunnel-meeting.ts';
import { waitFor } from '../../support/wait-for.ts';

/** A proxy and a bastion, and between them a middlebox whose authority the bastion's machine trusts. */
async function inspected(onStream?: (stream: Duplex) => void) {
  const who = await acquaint();
  const inspection = await createTestCertificate('Corporate Inspection CA');
  const meeting = await meet(who, {
    ...(onStream === undefined
      ? {}
      : {
          onStream: (incoming) => onStream(incoming.accept()),
        }),
  });
  const middlebox = await startTlsMiddlebox(inspection, meeting.port);
  const egress = createEgress({}, { env: {}, extraCa: [inspection.ca] });
  const uplink = uplinkTo(who, middlebox.port, { egress });
  return { who, inspection, egress, meeting, middlebox, uplink };
}

describe('a middlebox that opens TLS, with an authority that the customer trusts', () => {
  test('carries the tunnel', async () => {
    const { uplink, meeting, middlebox } = await inspected();
    uplink.start();
    const tunnel = await waitFor(() => uplink.pick());
    const { stream, reply } = tunnel.open({ v: 1, kind: 'echo' });
    await reply;
    stream.write('in the clear for the middlebox: only SSH may go here');
    await once(stream, 'data');
    expect(meeting.acceptor.tunnels.size).toBe(1);
    // It does read what the tunnel carries, which is why nothing but SSH and signed statements goes through it.
    expect(middlebox.seen()).toContain('in the clear for the middlebox');
  });

  test('can not dial for the bastion with the token that it has seen', async () => {
    const { uplink, meeting, middlebox } = await inspected();
    uplink.start();
    await waitFor(() => uplink.pick());
    const token = /authorization: (Bearer [\w.-]+)/i.exec(middlebox.seen())?.[1];
    expect(token).toBeDefined();
    const status = await new Promise((resolve, reject) => {
      const ws = new WebSocket(`wss://127.0.0.1:${meeting.port}/tunnel`, [TUNNEL_SUBPROTOCOL], {
        headers: { authorization: token ?? '' },
        rejectUnauthorized: false,
      });
      ws.on('error', () => {});
      onTestFinished(() => ws.terminate());
      ws.once('open', () => reject(new Error('the captured token was taken')));
      ws.once('unexpected-response', (_, response) => resolve(response.statusCode));
    });
    expect(status).toBe(401);
    expect(meeting.refused).toEqual(['replayed']);
  });

  test('can not answer for the proxy', async () => {
    const { who, inspection, egress } = await inspected();
    const impostor = await createNodeIdentity(temporaryDirectory(), 'proxy', 'vendor');
    // It takes every dial for its own and proves it as well as it can: with its own key, under the proxy's name.
    const fake = await meet(
      { ...who, certificate: inspection, proxy: { ...impostor, id: who.proxy.id } },
      {},
    );
    await expect(
      dialTransport({
        url: `https://127.0.0.1:${fake.port}`,
        identity: who.bastion,
        peer: { id: who.proxy.id, publicJwk: who.proxy.publicJwk },
        egress,
        clock: systemClock,
        signal: new AbortController().signal,
      }),
    ).rejects.toMatchObject({ code: 'identity.refused' });
    expect(fake.refused).toEqual([]);
  });

  /** An SSH connection through the middlebox. */
  async function sshThroughIt() {
    const hostKey = generateSshKey('host');
    const userKey = generateSshKey('user');
    const ends: string[] = [];
    const setup = await inspected((stream) => {
      serveSsh(stream, {
        hostKey: hostKey.privateKey,
        loginGraceMs: 20_000,
        maxAuthTries: 3,
        log: silentLogger(),
        onAuth: async (attempt) => attempt.accept(),
        onClose: (reason) => ends.push(reason),
      });
    });
    setup.uplink.start();
    const tunnel = await waitFor(() => setup.uplink.pick());
    const { stream, reply } = tunnel.open({ v: 1, kind: 'ssh' });
    await reply;
    const ssh = await connectSsh(stream, {
      username: 'alice',
      privateKey: userKey.privateKey,
      verifyHostKey: (blob) => blob.equals(parsePublicLine(hostKey.publicLine).blob),
      timeoutMs: 15_000,
    });
    return { ...setup, ssh, ends };
  }

  test.each(['to the peer', 'to the dialler'] as const)(
    'can not alter a byte of SSH %s: the SSH connection ends there and then',
    async (direction) => {
      const { ssh, middlebox, ends } = await sshThroughIt();
      expect(await ssh.globalRequest('keepalive@drawbridge')).toBeUndefined();
      expect(ends).toEqual([]);
      middlebox.tamper(direction);
      const answer = ssh.globalRequest('keepalive@drawbridge', Buffer.alloc(2_000)).catch(() => 'gone');
      await waitFor(() => ends.length > 0);
      await waitFor(() => ssh.signal.aborted);
      expect(await answer).not.toBeInstanceOf(Buffer);
    },
  );
});
