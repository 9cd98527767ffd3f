import { z } from 'zod';
import type { Resolved } from '../config/config-path.ts';
import { durationBetween } from '../config/fields.ts';
import { destinationCredentials, httpsDestination } from '../config/https-destination.ts';

const HOUR_MS = 3_600_000;

const pushSection = z.strictObject({
  url: httpsDestination,
  format: z
    .enum(['otlp', 'prometheus'])
    .default('otlp')
    .describe(
      '`otlp`: OTLP metrics as JSON; the address ends in `/v1/metrics` as a rule. `prometheus`: the text of `/metrics`, as push gateways take it.',
    ),
  every: durationBetween(10_000, HOUR_MS, '10s to 1h').prefault('60s').describe('How often.'),
  ...destinationCredentials,
});

/** The keys of `metrics:` that all roles have. */
export const metricsFields = {
  push: pushSection
    .exactOptional()
    .describe('Where figures are pushed to, also while remote access is off. Without it none are.'),
};

/** `metrics:` — figures that are pushed, for those who can not scrape `/metrics`. */
export const metricsSection = z.strictObject(metricsFields).prefault({}).describe('Figures about this role.');

/** What `metrics.push` says. */
export type MetricsPushConfig = Resolved<z.infer<typeof pushSection>>;
