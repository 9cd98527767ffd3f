import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { loadProxyConfig } from '../../proxy/config.ts';
import { initProxy } from '../../proxy/setup/init.ts';
import { acmeSection } from '../../shared/acme/config.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { startTestProxy } from '../support/running-proxy.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitFor } from '../support/wait-for.ts';

let pebble: Pebble;
beforeAll(async () => {
  pebble = await startPebble();
}, 60_000);
afterAll(() => pebble.stop());

async function issuerAt(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket.getPeerX509Certificate()?.issuer ?? '';
}

it('serves its own certificate until ACME has given one, and that from then on', async () => {
  const acme = acmeSection.parse({
    ...{ agreeToTerms: true, directory: pebble.directory, names: ['proxy.vendor.test'] },
    ...{ host: '127.0.0.1', port: pebble.challengePort },
  });
  // The same files as the proxy under test has, since a part of the configuration replaces the whole section.
  const dir = temporaryDirectory();
  const scratch = await initProxy({ dir, name: 'central', host: '127.0.0.1', httpsPort: 0, sshPort: 0 });
  const { tls } = await loadProxyConfig(scratch.configPath);
  const proxy = await startTestProxy({
    config: { tls: { ...tls, acme }, egress: { caBundle: pebble.caBundle } },
  });
  expect(await issuerAt(proxy.httpsPort)).toMatch(/Drawbridge proxy central|Pebble/);
  await waitFor(async () => (await issuerAt(proxy.httpsPort)).includes('Pebble'), {
    what: 'the certificate of the ACME server',
    timeoutMs: 60_000,
    periodMs: 100,
  });
}, 90_000);
