import { expect, test } from 'vitest';
import { directory } from '../../../cli/doctor/directory-check.ts';
import { runChecks } from '../../../cli/doctor/finding.ts';
import { createEgress } from '../../../shared/egress/egress.ts';
import { startAdminProvider } from '../../support/admin-provider.ts';

const PAGE_URL = 'https://bastion.acme.example';

test('the check of the directory says where it leads and what it has to know, and fails for another issuer or no secret', async () => {
  const { directory: provider, config } = await startAdminProvider(PAGE_URL);
  const egress = createEgress({ caBundle: provider.caPath });
  const look = (more: object = {}) =>
    runChecks([directory({ ...config, ...more }, PAGE_URL, egress)], new AbortController().signal, () => {});
  const [leads, knows, clock] = await look();
  expect(leads).toMatchObject({ state: 'ok', text: expect.stringContaining(new URL(provider.issuer).host) });
  expect(knows?.text).toContain(`${PAGE_URL}/api/login/provider/callback`);
  expect(clock).toMatchObject({ state: 'ok', text: expect.stringContaining('clock agrees') });
  for (const wrong of [{ issuer: `${provider.issuer}/other` }, { clientSecretFile: '/nowhere/secret' }]) {
    expect(await look(wrong)).toEqual([expect.objectContaining({ check: 'directory', state: 'fail' })]);
  }
});
