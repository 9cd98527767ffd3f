import { z } from 'zod';
import { dialAddress, filePath } from '../../shared/config/fields.ts';
import { destinationCredentials, httpsDestination } from '../../shared/config/https-destination.ts';

/** Destinations of one bastion. */
const DESTINATIONS_MAX = 16;

const common = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 small letters, digits and hyphens')
    .describe('By this name the position in the log is kept: another name begins at the first event.'),
  events: z
    .enum(['all', 'checkpoints'])
    .default('all')
    .describe('`checkpoints`: only the signed tree heads, which makes the destination a further witness.'),
};

/** `ship:` — where audit events go as they happen. */
export const shipSection = z
  .array(
    z.discriminatedUnion('kind', [
      z.strictObject({
        ...common,
        kind: z.literal('syslog').describe('RFC 5424 over TLS (RFC 5425).'),
        address: dialAddress.describe('Where the receiver listens.'),
      }),
      z.strictObject({
        ...common,
        kind: z.literal('webhook').describe('A POST per batch, signed by the rules of Standard Webhooks.'),
        url: httpsDestination,
        secretFile: filePath.describe('File (0600) with the secret that signs.'),
      }),
      z.strictObject({
        ...common,
        kind: z.literal('jsonl').describe('A POST per batch, an event per line.'),
        url: httpsDestination,
        ...destinationCredentials,
      }),
      z.strictObject({
        ...common,
        kind: z.literal('otlp').describe('OTLP logs as JSON; the address ends in `/v1/logs` as a rule.'),
        url: httpsDestination,
        ...destinationCredentials,
      }),
      z.strictObject({
        ...common,
        kind: z.literal('file').describe("Lines behind a file, on another machine's mount for example."),
        path: filePath.describe('The file; made if it is missing.'),
      }),
    ]),
  )
  .max(DESTINATIONS_MAX)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
    message: 'every destination needs a name of its own',
  })
  .default([])
  .describe('Where audit events go as they happen, also while remote access is off.');
