import { Counter, Gauge } from 'prom-client';
import type { ProcessMetrics } from '../../shared/metrics/process-metrics.ts';
import type { AgentTally } from './tally.ts';

/** Who is at the other end of an agent's tunnels; what tells these series from a bastion's own. */
const PEER = 'bastion';

/** What a scrape of an agent asks of it. */
export interface AgentFigures {
  /** Tunnels that stand. */
  readonly tunnels: () => number;
  /** Streams that are open in them. */
  readonly streams: () => number;
  /** Connections of the bastion that are served, to shells or to the host's sshd. */
  readonly connections: () => number;
  readonly tally: AgentTally;
}

/** Adds the agent's own figures. */
export function addAgentFigures(metrics: ProcessMetrics, figures: AgentFigures): void {
  const registers = [metrics.registry];
  for (const [name, help, value] of [
    ['drawbridge_uplinks_connected', 'Tunnels to the bastion that stand', figures.tunnels],
    [
      'drawbridge_streams',
      'Streams that are open in all tunnels, by what is at their other end',
      figures.streams,
    ],
  ] as const) {
    new Gauge({
      name,
      help,
      labelNames: ['peer'],
      registers,
      collect() {
        this.set({ peer: PEER }, value());
      },
    });
  }
  new Gauge({
    name: 'drawbridge_connections',
    help: 'Connections of the bastion that an agent serves: one for each session',
    registers,
    collect() {
      this.set(figures.connections());
    },
  });
  new Counter({
    name: 'drawbridge_uplink_losses_total',
    help: 'Tunnels to the bastion that stood and ended, since the start',
    registers,
    collect() {
      this.reset();
      this.inc(figures.tally.tunnelsLost);
    },
  });
  new Counter({
    name: 'drawbridge_refusals_total',
    help: 'Logins that the bastion asked for and this host refused, since the start',
    labelNames: ['type', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of figures.tally.refusedLogins) {
        this.inc({ type: 'login.refused', reason }, count);
      }
    },
  });
}
