import { expect, test } from 'vitest';
import { loadBastionConfig } from '../../../bastion/config.ts';
import { initBastion } from '../../../bastion/setup/init.ts';
import { settingsOf } from '../../../bastion/web/settings.ts';
import { loadNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { startAdminProvider } from '../../support/admin-provider.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { createTestCertificate } from '../../support/test-certificate.ts';

test('the settings tell how administrators come in by their directory, and nothing of its secret', async () => {
  const { configPath } = await initBastion({
    dir: temporaryDirectory(),
    name: 'acme',
    host: '127.0.0.1',
    httpsPort: 1,
  });
  const config = await loadBastionConfig(configPath);
  const provider = await startAdminProvider('https://bastion.acme.example');
  const { publicJwk } = await loadNodeIdentity(config.dataDir);
  const { cert: certificate } = await createTestCertificate();
  const parts = { publicJwk, certificate, ssh: { host: 'SHA256:a', client: 'SHA256:b' }, proxy: undefined };
  expect(settingsOf({ ...parts, config, directory: undefined })).not.toHaveProperty('directory');
  const { standing } = await provider.open();
  const settings = settingsOf({
    ...parts,
    config: { ...config, admins: { provider: provider.config } },
    directory: standing,
  });
  expect(settings.directory).toEqual({
    title: 'Acme Directory',
    name: 'corp',
    issuer: provider.directory.issuer,
    clientId: provider.config.clientId,
    callback: 'https://bastion.acme.example/api/login/provider/callback',
    roles: { viewer: ['auditors'], approver: ['support'], admin: ['it'] },
    signInForMs: 3_600_000,
  });
  expect(JSON.stringify(settings)).not.toContain(provider.config.clientSecretFile);
});
