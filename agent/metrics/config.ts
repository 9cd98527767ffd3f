import { z } from 'zod';
import type { Resolved } from '../../shared/config/config-path.ts';
import { listenAddress } from '../../shared/config/fields.ts';
import { metricsFields } from '../../shared/metrics/config.ts';

const listenSection = z.strictObject({
  host: z
    .enum(['127.0.0.1', '::1'])
    .default('127.0.0.1')
    .describe('Loopback address to listen on: nothing of an agent can be reached from outside its host.'),
  port: listenAddress.shape.port,
});

/** `metrics:` of an agent, which listens on nothing unless it is asked to. */
export const agentMetricsSection = z
  .strictObject({
    listen: listenSection
      .exactOptional()
      .describe(
        'Where `/metrics`, `/healthz` and `/readyz` answer by HTTP, to programs of this host alone. Without it the agent listens on nothing.',
      ),
    ...metricsFields,
  })
  .prefault({})
  .describe('Figures about this role.');

/** What `metrics.listen` says. */
export type MetricsListenConfig = Resolved<z.infer<typeof listenSection>>;
