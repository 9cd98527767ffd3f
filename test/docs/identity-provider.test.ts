import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadBastionConfig } from '../../bastion/config.ts';
import { initBastion } from '../../bastion/setup/init.ts';
import { PassCheck } from '../../bastion/trust/pass-check.ts';
import { loadProxyConfig } from '../../proxy/config.ts';
import { initProxy } from '../../proxy/setup/init.ts';
import { systemClock } from '../../shared/clock.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import { silentLogger } from '../../shared/log.ts';
import { Database } from '../../shared/store/database.ts';
import { freePort } from '../support/free-port.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

/** The YAML examples of the document, without their first line, which names the file. */
function example(file: string): string {
  const text = readFileSync(new URL('../../docs/identity-provider.md', import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/```yaml\n# (\S+)\n([\s\S]*?)```/g)];
  return blocks.find((block) => block[1] === file)?.[2] ?? '';
}

describe('docs/identity-provider.md', () => {
  it('shows providers as a proxy takes them', async () => {
    const made = await initProxy({
      dir: temporaryDirectory(),
      name: 'central',
      host: '127.0.0.1',
      httpsPort: 0,
      sshPort: 0,
    });
    appendFileSync(made.configPath, example('proxy.yaml'));
    const { providers } = await loadProxyConfig(made.configPath);
    expect(providers.map(({ name, redirectUri }) => [name, redirectUri])).toEqual([
      ['entra', 'http://localhost'],
      ['okta', 'http://127.0.0.1:47123/callback'],
      ['keycloak', 'http://127.0.0.1/callback'],
    ]);
  });

  it('shows trust: idp as a bastion takes it, which asks for a provider', async () => {
    const dir = temporaryDirectory();
    const made = await initBastion({ dir, name: 'acme', host: '127.0.0.1', httpsPort: await freePort() });
    const template = readFileSync(made.configPath, 'utf8');
    expect(await loadBastionConfig(made.configPath)).toMatchObject({ trust: 'proxy', idp: [] });
    writeFileSync(made.configPath, template.replace('trust: proxy\n', example('bastion.yaml')));
    expect(await loadBastionConfig(made.configPath)).toMatchObject({
      trust: 'idp',
      idp: [{ usernameSuffix: '@contoso.com', maxLoginAge: 8 * 3_600_000, keys: { maxAge: 24 * 3_600_000 } }],
    });
    const database = await Database.open(join(dir, 'x.db'), { migrations: [], synchronous: 'FULL' });
    const parts = {
      audience: 'b-x',
      issuer: () => undefined,
      dataDir: dir,
      egress: () => createEgress({}, { env: {} }),
      database,
      clock: systemClock,
      log: silentLogger(),
    };
    const opening = PassCheck.open(parts, { trust: 'idp', providers: [] });
    await expect(opening).rejects.toMatchObject({ code: 'trust.no_provider' });
    await database.close();
  });
});
