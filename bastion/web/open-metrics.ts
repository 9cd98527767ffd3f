import type { Clock } from '../../shared/clock.ts';
import { createEgress } from '../../shared/egress/egress.ts';
import type { NodeIdentity } from '../../shared/identity/node-identity.ts';
import type { Logger } from '../../shared/log.ts';
import { MetricsPush } from '../../shared/metrics/push.ts';
import { openStreamsOf, type RoleMetrics } from '../../shared/metrics/role-metrics.ts';
import type { Tunnel } from '../../shared/tunnel/tunnel.ts';
import type { BastionConfig } from '../config.ts';
import type { Session } from '../sessions/session.ts';
import type { Teardown } from '../teardown.ts';
import { addBastionFigures } from './metrics.ts';

/** What the bastion's figures are taken from. */
export interface BastionMetricsParts {
  readonly config: BastionConfig;
  readonly identity: NodeIdentity;
  readonly metrics: RoleMetrics;
  /** All figures, as `/metrics` answers them. */
  readonly text: () => Promise<string>;
  readonly proxyStreams: () => number;
  readonly agentTunnels: () => Iterable<Tunnel>;
  readonly liveSessions: () => Iterable<Session>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly teardown: Teardown;
}

/** Adds what a scrape asks the bastion's parts for, and begins to push figures where the configuration says so. */
export function openMetrics(parts: BastionMetricsParts): void {
  const { config, identity, metrics, text, clock, log, teardown } = parts;
  addBastionFigures(metrics, {
    streams: () => ({ proxy: parts.proxyStreams(), agents: openStreamsOf(parts.agentTunnels()) }),
    unsyncedBytes: () => unsyncedBytesOf(parts.liveSessions()),
  });
  const { push } = config.metrics;
  if (push === undefined) return;
  const pushing = MetricsPush.start({
    config: push,
    from: { ...metrics.about, id: identity.id, name: identity.name, startedAtMs: clock.nowMs() },
    text,
    egress: createEgress(config.egress),
    clock,
    log,
  });
  teardown.add(() => pushing.stop());
}

function unsyncedBytesOf(sessions: Iterable<Session>): number {
  let bytes = 0;
  for (const session of sessions) {
    for (const channel of session.openChannels) bytes += channel.recording?.unsyncedBytes ?? 0;
  }
  return bytes;
}
