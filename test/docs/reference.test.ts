import { describe, expect, it } from 'vitest';
import { agentConfigSchema } from '../../agent/config.ts';
import { bastionConfigSchema } from '../../bastion/config.ts';
import { policySchema } from '../../bastion/policy/schema.ts';
import { proxyConfigSchema } from '../../proxy/config.ts';
import { configurationReference } from '../../tools/reference/configuration.ts';

const page = (name: string) => new URL(`../../docs/reference/${name}`, import.meta.url).pathname;

/** The pages are these tests' file snapshots: `npm run docs` writes them, and any other run compares. */
describe('the generated references are those of this code (else: npm run docs)', () => {
  it('of the configuration files', async () => {
    const text = configurationReference([
      { name: 'proxy.yaml', about: "The vendor's proxy.", schema: proxyConfigSchema },
      { name: 'bastion.yaml', about: "The customer's bastion.", schema: bastionConfigSchema },
      { name: 'agent.yaml', about: 'The agent on a host.', schema: agentConfigSchema },
      {
        name: 'policy.yaml',
        about: 'What operators may do; see [policy.md](../policy.md) for what it means.',
        schema: policySchema,
      },
    ]);
    await expect(text).toMatchFileSnapshot(page('configuration.md'));
  });
});
