import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agentConfigSchema } from '../../agent/config.ts';
import { addAgentFigures } from '../../agent/metrics/figures.ts';
import { AgentTally } from '../../agent/metrics/tally.ts';
import { bastionConfigSchema } from '../../bastion/config.ts';
import { policySchema } from '../../bastion/policy/schema.ts';
import { addBastionFigures } from '../../bastion/web/metrics.ts';
import type { Cli } from '../../cli/cli.ts';
import { buildWholeProgram } from '../../cli/program.ts';
import { createTerminal } from '../../cli/terminal.ts';
import { proxyConfigSchema } from '../../proxy/config.ts';
import { addProxyFigures } from '../../proxy/web/metrics.ts';
import { ProcessMetrics } from '../../shared/metrics/process-metrics.ts';
import { RoleMetrics } from '../../shared/metrics/role-metrics.ts';
import { apiReference } from '../../tools/reference/api.ts';
import { auditEventReference } from '../../tools/reference/audit-events.ts';
import { cliReference } from '../../tools/reference/cli.ts';
import { configurationReference } from '../../tools/reference/configuration.ts';
import { manPages } from '../../tools/reference/man.ts';
import { metricsReference } from '../../tools/reference/metrics.ts';
import { startBastionWeb } from '../support/bastion-web.ts';

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

  const wholeCommand = () => {
    const silent = { write: () => undefined };
    const cli: Cli = {
      terminal: createTerminal(silent, silent, {}),
      env: {},
      entryPath: 'drawbridge',
      untilInterrupted: () => new AbortController().signal,
      exitWith: () => undefined,
      wholeProgram: () => buildWholeProgram(cli),
    };
    return cli.wholeProgram();
  };

  it('of the command', async () => {
    await expect(cliReference(await wholeCommand())).toMatchFileSnapshot(page('cli.md'));
  });

  it('of the command as manual pages, which roff sets without a complaint', async () => {
    const pages = manPages(await wholeCommand());
    const path = (file: string) => new URL(`../../docs/man/${file}`, import.meta.url).pathname;
    for (const { file, text } of pages) await expect(text).toMatchFileSnapshot(path(file));
    expect(readdirSync(path('')).sort()).toEqual(pages.map(({ file }) => file).sort());
    const set = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z', ...pages.map(({ file }) => path(file))], {
      encoding: 'utf8',
    });
    // Not every machine has groff.
    if (set.error === undefined) expect(set.stderr).toBe('');
  });

  it("of the bastion's API", async () => {
    const web = await startBastionWeb();
    try {
      const { json } = await web.fetch('/api/openapi.json');
      await expect(apiReference(json)).toMatchFileSnapshot(page('api.md'));
    } finally {
      await web.close();
    }
  });

  it('of the figures', async () => {
    const none = () => 0;
    const proxy = new RoleMetrics({ role: 'proxy', version: '' });
    const bastion = new RoleMetrics({ role: 'bastion', version: '' });
    const agent = new ProcessMetrics({ role: 'agent', version: '' });
    addAgentFigures(agent, { tunnels: none, streams: none, connections: none, tally: new AgentTally() });
    onTestFinished(() => {
      agent.close();
      proxy.close();
      bastion.close();
    });
    addProxyFigures(proxy, { tunnels: none, streams: none, relays: none });
    addBastionFigures(bastion, { streams: () => ({ proxy: 0, agents: 0 }), unsyncedBytes: none });
    const web = await startBastionWeb({ metrics: () => bastion.text() });
    for (const one of [proxy, bastion]) one.watchCertificate(() => web.ca);
    try {
      const shown = [
        { role: 'bastion', text: (await web.fetch('/metrics')).text },
        { role: 'proxy', text: await proxy.text() },
        { role: 'agent', text: await agent.text() },
      ];
      await expect(metricsReference(shown)).toMatchFileSnapshot(page('metrics.md'));
    } finally {
      await web.close();
    }
  });

  it('of the audit events', async () => {
    await expect(auditEventReference()).toMatchFileSnapshot(page('audit-events.md'));
  });
});
