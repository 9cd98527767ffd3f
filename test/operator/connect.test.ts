import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { dialHost } from '../../operator/connect.ts';
import { openHome } from '../../operator/home.ts';
import { signIn } from '../../operator/sign-in.ts';
import { generateSshKey } from '../../shared/ssh/keys.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createTestCertificate } from '../support/test-certificate.ts';

const hostKey = generateSshKey('host').publicLine;

/** A proxy with an authority of its own at which somebody is signed in. It greets whoever connects to a host. */
async function signedIn() {
  const { ca, cert, key } = await createTestCertificate();
  const seen = { handshakes: 0, requests: 0 };
  const server = createServer({ cert, key }, (_request, response) => {
    seen.requests += 1;
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const answer = {
      operator: { username: 'alice', groups: ['support'] },
      key: { fingerprint: 'SHA256:x', expiresAt: '2100-01-01T00:00:00.000Z' },
      proxy: {
        id: 'p-x',
        url: `https://127.0.0.1:${port}`,
        ssh: { host: '127.0.0.1', port: 2222, hostKey },
      },
      bastions: [{ name: 'acme', id: 'b-x', hostKey, online: true }],
    };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    seen.requests += 1;
    socket.send(Buffer.from(`hello ${request.url}`));
  });
  server.on('connection', () => {
    seen.handshakes += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const home = openHome(join(temporaryDirectory(), 'home'), {});
  const proxyUrl = `https://127.0.0.1:${port}`;
  const signingIn = { proxyUrl, username: 'alice', password: 'x', code: '000000', ca, home, env: {} };
  await signIn({ ...signingIn, command: ['drawbridge'] });
  seen.handshakes = 0;
  seen.requests = 0;
  return { home, seen };
}

describe('connecting to a host over wss', () => {
  it('trusts the authority of the login by itself, in one connection', async () => {
    const { home, seen } = await signedIn();
    const stream = await dialHost({ home, env: {}, host: 'web-1.acme.wss' });
    const [greeting] = (await once(stream, 'data')) as [Buffer];
    stream.destroy();
    expect(greeting.toString()).toBe('hello /connect?host=web-1.acme');
    expect(seen).toEqual({ handshakes: 1, requests: 1 });
  });

  it('tries the usual authorities as well before it says that nobody vouches for the proxy, and shows no proof', async () => {
    const { home, seen } = await signedIn();
    writeFileSync(home.caPath, (await createTestCertificate()).ca);
    await expect(dialHost({ home, env: {}, host: 'web-1.acme' })).rejects.toMatchObject({
      code: 'egress.tls_untrusted',
    });
    expect(seen).toEqual({ handshakes: 2, requests: 0 });
  });

  it('trusts what the environment trusts when the login does not vouch, under both names of its file', async () => {
    for (const name of ['NODE_EXTRA_CA_CERTS', 'DRAWBRIDGE_EXTRA_CA_CERTS']) {
      const { home } = await signedIn();
      const inspecting = join(temporaryDirectory(), 'inspecting.pem');
      copyFileSync(home.caPath, inspecting);
      writeFileSync(home.caPath, (await createTestCertificate()).ca);
      const stream = await dialHost({ home, env: { [name]: inspecting }, host: 'web-1.acme' });
      const [greeting] = (await once(stream, 'data')) as [Buffer];
      stream.destroy();
      expect(greeting.toString()).toBe('hello /connect?host=web-1.acme');
    }
  });

  it('goes on without a file of authorities that is not there', async () => {
    const { home, seen } = await signedIn();
    writeFileSync(home.caPath, (await createTestCertificate()).ca);
    const env = { NODE_EXTRA_CA_CERTS: '/nowhere/ca.pem' };
    await expect(dialHost({ home, env, host: 'web-1.acme' })).rejects.toMatchObject({
      code: 'egress.tls_untrusted',
    });
    expect(seen).toEqual({ handshakes: 2, requests: 0 });
  });
});
