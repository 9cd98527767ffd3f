import { existsSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openHome } from '../../operator/home.ts';
import { signIn } from '../../operator/sign-in.ts';
import { generateSshKey } from '../../shared/ssh/keys.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { createTestCertificate } from '../support/test-certificate.ts';

const hostKey = generateSshKey('host').publicLine;

/** Signs in at a proxy that takes any password and answers with this host and this bastion. */
async function signInAt(proxy: { readonly sshHost?: string; readonly bastion?: string }) {
  const { ca, cert, key } = await createTestCertificate();
  const answer = {
    operator: { username: 'alice', groups: ['support'] },
    key: { fingerprint: 'SHA256:x', expiresAt: '2100-01-01T00:00:00.000Z' },
    proxy: {
      id: 'p-x',
      url: 'https://127.0.0.1',
      ssh: { host: proxy.sshHost ?? 'proxy.example.com', port: 2222, hostKey },
    },
    bastions: [{ name: proxy.bastion ?? 'acme', id: 'b-x', hostKey, online: true }],
  };
  const server = createServer({ cert, key }, (_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const home = openHome(join(temporaryDirectory(), 'home'), {});
  const login = signIn({
    proxyUrl: `https://127.0.0.1:${port}`,
    username: 'alice',
    password: 'x',
    code: '000000',
    ca,
    home,
    env: {},
    command: ['drawbridge'],
  });
  return { login, home };
}

describe('an operator who signs in', () => {
  it.each(['proxy.example.com', '192.0.2.1', '2001:db8::1'])('may be sent to %s for SSH', async (sshHost) => {
    const { login } = await signInAt({ sshHost });
    await expect(login).resolves.toMatchObject({ proxy: { ssh: { host: sshHost } } });
  });

  it.each(['*', 'github.com', '!acme', 'acme *', 'acme\n  ProxyCommand touch /tmp/x', 'acme?', '-acme', ''])(
    'takes no bastion named %j, which would claim other hosts in the ssh configuration',
    async (bastion) => {
      const { login, home } = await signInAt({ bastion });
      await expect(login).rejects.toMatchObject({ code: 'proxy.unexpected' });
      expect([home.sshConfigPath, home.knownHostsPath, home.keyPath].filter(existsSync)).toEqual([]);
    },
  );

  it.each(['-oProxyCommand=id', 'a b', 'host\n  User root', '%h', ''])(
    'is sent to no SSH server named %j',
    async (sshHost) => {
      const { login } = await signInAt({ sshHost });
      await expect(login).rejects.toMatchObject({ code: 'proxy.unexpected' });
    },
  );
});
