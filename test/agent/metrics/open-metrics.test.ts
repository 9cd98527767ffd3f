import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { agentMetricsSection } from '../../../agent/metrics/config.ts';
import { openMetrics } from '../../../agent/metrics/open-metrics.ts';
import { AgentTally } from '../../../agent/metrics/tally.ts';
import { systemClock } from '../../../shared/clock.ts';
import { createNodeIdentity } from '../../../shared/identity/node-identity.ts';
import { silentLogger } from '../../../shared/log.ts';
import type { UplinkTunnelStatus } from '../../../shared/tunnel/uplink-options.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

async function opened(metrics: unknown, status: readonly UplinkTunnelStatus[] = []) {
  const tally = new AgentTally();
  const { listen } = agentMetricsSection.parse(metrics);
  const open = await openMetrics({
    config: { metrics: listen === undefined ? {} : { listen }, egress: {} },
    identity: await createNodeIdentity(temporaryDirectory(), 'agent', 'web-1'),
    version: '1.2.3',
    uplink: { status, openStreams: 3 },
    connections: () => 2,
    tally,
    clock: systemClock,
    log: silentLogger(),
  });
  onTestFinished(() => open.close());
  return { open, tally, get: (path: string, init?: RequestInit) => fetch(`${open.url}${path}`, init) };
}

const connected: UplinkTunnelStatus = { state: 'connected', sinceMs: 0, streams: 3 };
const waiting: UplinkTunnelStatus = { state: 'waiting', sinceMs: 0, streams: 0, problem: 'Nobody is there.' };

describe('the figures of an agent', () => {
  it('are told on loopback: what stands, what was lost, whom it refused', async () => {
    const { get, tally } = await opened({ listen: { port: 0 } }, [connected, waiting]);
    tally.loginRefused('not_served');
    tally.loginRefused('not_served');
    tally.tunnelIs(0, 'connected');
    tally.tunnelIs(0, 'waiting');
    const response = await get('/metrics');
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    const lines = (await response.text()).split('\n');
    for (const line of [
      'drawbridge_uplinks_connected{peer="bastion"} 1',
      'drawbridge_streams{peer="bastion"} 3',
      'drawbridge_connections 2',
      'drawbridge_uplink_losses_total 1',
      'drawbridge_refusals_total{type="login.refused",reason="not_served"} 2',
    ])
      expect(lines).toContain(line);
    expect(lines.join()).toContain('drawbridge_build_info{role="agent",version="1.2.3"');
    expect((await (await get('/metrics')).text()).split('\n')).toContain('drawbridge_uplink_losses_total 1');
  });

  it('say that it is alive, and ready only while a tunnel stands', async () => {
    const up = await opened({ listen: { port: 0 } }, [waiting, connected]);
    expect((await up.get('/healthz')).status).toBe(200);
    expect((await up.get('/readyz?verbose')).status).toBe(200);
    const down = await opened({ listen: { port: 0 } }, [waiting]);
    expect((await down.get('/healthz')).status).toBe(200);
    const answer = await down.get('/readyz');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({
      code: 'agent.no_tunnel',
      message: 'No tunnel to the bastion stands. Nobody is there.',
    });
  });

  it('can be read and nothing else', async () => {
    const { get } = await opened({ listen: { port: 0 } });
    expect((await get('/')).status).toBe(404);
    expect((await get('/metrics', { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(405);
    const head = await get('/metrics', { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('are told nowhere unless the configuration says so, and never beyond the host', async () => {
    expect((await opened({})).open.url).toBeUndefined();
    for (const host of ['0.0.0.0', '::', '192.0.2.1'])
      expect(agentMetricsSection.safeParse({ listen: { host, port: 0 } }).success).toBe(false);
  });

  it('say which port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    await expect(opened({ listen: { port } })).rejects.toMatchObject({
      code: 'listen.in_use',
      hint: expect.stringContaining('metrics.listen.port'),
    });
  });

  it('end with the agent, also for who stays connected', async () => {
    const { open, get } = await opened({ listen: { port: 0 } });
    await (await get('/healthz')).text();
    await open.close();
    await expect(get('/healthz')).rejects.toThrow();
  });
});
