import { connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ConnectSshOptions, connectSsh } from '../../../shared/ssh/client-connection.ts';
import type { Credential } from '../../../shared/ssh/client-sign-in.ts';
import { issueUserCertificate } from '../../../shared/ssh/issue-certificate.ts';
import { fingerprintOf, generateSshKey } from '../../../shared/ssh/keys.ts';
import type { ServeSshOptions } from '../../../shared/ssh/server-connection.ts';
import { freshSigningKey, signingKeyOf } from '../../../shared/ssh/signing-key.ts';
import { attachPackets } from '../../../shared/ssh/ssh2-internals.ts';
import { loadSsh2 } from '../../../shared/ssh/ssh2-library.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createTestKey } from '../../support/ssh-client.ts';
import { startTestServer } from '../../support/ssh-test-server.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const { privateKey } = generateSshKey('the bastion');
const authority = signingKeyOf(privateKey);

function certificate(): Extract<Credential, { kind: 'certificate' }> {
  const key = freshSigningKey();
  const nowMs = Date.now();
  const issued = issueUserCertificate(authority, {
    ...{ keyBlob: key.blob, keyId: 'alice', serial: 7n, principals: ['deploy'], extensions: ['permit-pty'] },
    ...{ validAfterMs: nowMs - 60_000, validBeforeMs: nowMs + 60_000 },
  });
  return { kind: 'certificate', key, certificate: issued };
}

function signIn(port: number, options: Partial<ConnectSshOptions> = {}) {
  const base = { username: 'deploy', privateKey, verifyHostKey: () => true, timeoutMs: 60_000 };
  return connectSsh(connect({ port, host: '127.0.0.1' }), { ...base, ...options });
}

/** A server that notes what it is shown. `overrides.onAuth` decides. */
async function server(overrides: Partial<ServeSshOptions>) {
  const shown: string[] = [];
  const { onAuth, ...rest } = overrides;
  const started = await startTestServer(await createTestKey(temporaryDirectory()), {
    onAuth(attempt, connection) {
      const { key } = attempt;
      if (key !== undefined)
        shown.push(`${key.certificate?.keyId ?? key.fingerprint}, signed: ${key.signed}`);
      return onAuth?.(attempt, connection);
    },
    ...rest,
  });
  onTestFinished(() => started.listener.close('The test is over.'));
  return { port: started.port, shown };
}

const plain = `${fingerprintOf(authority.blob)}, signed: true`;

describe('signing in as a client', () => {
  it('is in by a certificate at the first word, and says so', async () => {
    const { port, shown } = await server({ certificates: true, onAuth: (attempt) => attempt.accept() });
    const connection = await signIn(port, { certificate });
    expect(connection.signedInBy).toBe('certificate');
    expect(shown).toEqual(['alice, signed: true']);
    connection.end();
  });

  it('shows the plain key where the certificate is refused', async () => {
    const { port, shown } = await server({
      certificates: true,
      onAuth: (attempt) => (attempt.key?.certificate === undefined ? attempt.accept() : attempt.reject()),
    });
    const connection = await signIn(port, { certificate });
    expect(connection.signedInBy).toBe('key');
    expect(shown).toEqual(['alice, signed: true', plain]);
    connection.end();
  });

  it('shows the plain key alone when there is no certificate', async () => {
    const { port, shown } = await server({ onAuth: (attempt) => attempt.accept() });
    const connection = await signIn(port);
    expect([connection.signedInBy, shown]).toEqual(['key', [plain]]);
    connection.end();
  });

  it('says when the server hung up on the certificate, since it may take the key the next time', async () => {
    const { port } = await server({ maxAuthTries: 1, onAuth: (attempt) => attempt.reject() });
    await expect(signIn(port, { certificate })).rejects.toMatchObject({ code: 'ssh.certificate_refused' });
    await expect(signIn(port)).rejects.toMatchObject({ code: expect.not.stringMatching('certificate') });
  });

  it('says so too when the server is silent on the certificate, and waits no longer than it was told', async () => {
    let asked = (): void => undefined;
    const shown = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { port } = await server({ certificates: true, onAuth: () => asked() });
    const clock = new FakeClock();
    const connecting = signIn(port, { certificate, certificateTimeoutMs: 5_000, clock });
    const refused = expect(connecting).rejects.toMatchObject({ code: 'ssh.certificate_refused' });
    await shown;
    clock.advance(5_000);
    await refused;
  });

  it('leaves a server that has taken the certificate alone', async () => {
    const { port } = await server({ certificates: true, onAuth: (attempt) => attempt.accept() });
    const clock = new FakeClock();
    const connection = await signIn(port, { certificate, certificateTimeoutMs: 5_000, clock });
    clock.advance(5_000);
    expect(connection.signal.aborted).toBe(false);
    connection.end();
  });

  it('says when nothing of it will do', async () => {
    const { port, shown } = await server({ certificates: true, onAuth: (attempt) => attempt.reject() });
    await expect(signIn(port, { certificate })).rejects.toMatchObject({ code: 'ssh.auth_failed' });
    expect(shown).toHaveLength(2);
  });

  it('believes no success that it has not asked for', async () => {
    const { Server } = loadSsh2();
    const ssh = new Server({ hostKeys: [generateSshKey('host').privateKey] }, () => undefined);
    const tcp = createServer((socket) => {
      ssh.injectSocket(socket);
      socket.on('error', () => undefined);
    });
    ssh.on('connection', (client) => {
      client.on('error', () => undefined);
      const port = attachPackets(client, {
        onPacket: () => undefined,
        onFault: () => undefined,
        onReceived: () => undefined,
      });
      client.once('handshake', () => port.send(Buffer.of(52)));
    });
    await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void tcp.close());
    const address = tcp.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(signIn(port)).rejects.toMatchObject({ code: 'ssh.protocol' });
  });
});
