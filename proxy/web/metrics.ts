import { Gauge } from 'prom-client';
import type { RoleMetrics } from '../../shared/metrics/role-metrics.ts';

/** What a scrape of the proxy asks of it. */
export interface ProxyFigures {
  readonly tunnels: () => number;
  /** Streams that are open in them. */
  readonly streams: () => number;
  /** Connections of operators that are relayed. */
  readonly relays: () => number;
}

/** Adds the proxy's own figures. */
export function addProxyFigures(metrics: RoleMetrics, figures: ProxyFigures): void {
  for (const [name, help, value] of [
    ['drawbridge_tunnels', 'Tunnels of bastions that stand', figures.tunnels],
    ['drawbridge_streams', 'Streams that are open in all tunnels', figures.streams],
    ['drawbridge_relays', "Operators' connections that are relayed", figures.relays],
  ] as const) {
    new Gauge({
      name,
      help,
      registers: [metrics.registry],
      collect() {
        this.set(value());
      },
    });
  }
}
