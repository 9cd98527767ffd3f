import type { Clock } from '../../shared/clock.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Logger } from '../../shared/log.ts';
import { ProcessMetrics } from '../../shared/metrics/process-metrics.ts';
import { MetricsPush } from '../../shared/metrics/push.ts';
import type { UplinkTunnelStatus } from '../../shared/tunnel/uplink-options.ts';
import type { AgentConfig } from '../config.ts';
import { addAgentFigures } from './figures.ts';
import { MetricsListener } from './listener.ts';
import type { AgentTally } from './tally.ts';

/** What an agent's figures are taken from. */
export interface AgentMetricsParts {
  readonly config: Pick<AgentConfig, 'metrics' | 'egress'>;
  readonly identity: NodeIdentity;
  readonly version: string;
  readonly uplink: { readonly status: readonly UplinkTunnelStatus[]; readonly openStreams: number };
  readonly connections: () => number;
  readonly tally: AgentTally;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An agent's figures, as long as they are told to anybody. */
export interface OpenMetrics {
  /** Where they can be scraped, if they can. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

/** Tells an agent's figures in the ways that its configuration asks for. @throws `listen.*` */
export async function openMetrics(parts: AgentMetricsParts): Promise<OpenMetrics> {
  const { config, identity, version, uplink, connections, tally, clock, log } = parts;
  const { listen, push: pushConfig } = config.metrics;
  const metrics = new ProcessMetrics({ role: 'agent', version });
  addAgentFigures(metrics, {
    tunnels: () => uplink.status.filter(({ state }) => state === 'connected').length,
    streams: () => uplink.openStreams,
    connections,
    tally,
  });
  let listener: MetricsListener | undefined;
  try {
    if (listen !== undefined) {
      listener = await MetricsListener.open(
        listen,
        {
          contentType: metrics.contentType,
          text: () => metrics.text(),
          unready: () => whyUnready(uplink.status),
        },
        log,
      );
    }
  } catch (error) {
    metrics.close();
    throw error;
  }
  const push =
    pushConfig === undefined
      ? undefined
      : MetricsPush.start({
          config: pushConfig,
          from: { ...metrics.about, id: identity.id, name: identity.name, startedAtMs: clock.nowMs() },
          text: () => metrics.text(),
          egress: createEgress(config.egress),
          clock,
          log,
        });
  return {
    url: listener?.url,
    async close() {
      await Promise.all([listener?.close(), push?.stop()]);
      metrics.close();
    },
  };
}

function whyUnready(tunnels: readonly UplinkTunnelStatus[]): string | undefined {
  if (tunnels.some(({ state }) => state === 'connected')) return undefined;
  const problem = tunnels.find((tunnel) => tunnel.problem !== undefined)?.problem;
  return `No tunnel to the bastion stands.${problem === undefined ? '' : ` ${problem}`}`;
}
