import { z } from 'zod';
import { dialAddress, filePath } from '../../shared/config/fields.ts';

/** Destinations of one bastion. */
const DESTINATIONS_MAX = 16;

const shippedUrl = z
  .string()
  .refine((text) => URL.canParse(text) && new URL(text).protocol === 'https:', 'must be an https:// address')
  .refine(
    (text) => !URL.canParse(text) || new URL(text).username === '',
    'must not hold a user name; use username and passwordFile',
  );

const common = {
  /** By this name the position in the log is kept: another name begins at the first event. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 small letters, digits and hyphens'),
  /** `checkpoints`: only the signed tree heads, which makes the destination a further witness. */
  events: z.enum(['all', 'checkpoints']).default('all'),
};

/** How the destination knows us; secrets come from files alone. */
const credentials = {
  platformId: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
    .exactOptional(),
  username: z.string().min(1).max(256).exactOptional(),
  passwordFile: filePath.exactOptional(),
  tokenFile: filePath.exactOptional(),
};

/** `ship:` — where audit events go as they happen. */
export const shipSection = z
  .array(
    z.discriminatedUnion('kind', [
      /** RFC 5424 over TLS (RFC 5425). */
      z.strictObject({ ...common, kind: z.literal('syslog'), address: dialAddress }),
      /** A POST per batch, signed by Standard Webhooks with the secret in the file. */
      z.strictObject({ ...common, kind: z.literal('webhook'), url: shippedUrl, secretFile: filePath }),
      z.strictObject({ ...common, kind: z.literal('jsonl'), url: shippedUrl, ...credentials }),
      /** OTLP logs as JSON; the address ends in `/v1/logs` as a rule. */
      z.strictObject({ ...common, kind: z.literal('otlp'), url: shippedUrl, ...credentials }),
      /** Lines behind a file, on another machine's mount for example. */
      z.strictObject({ ...common, kind: z.literal('file'), path: filePath }),
    ]),
  )
  .max(DESTINATIONS_MAX)
  .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
    message: 'every destination needs a name of its own',
  })
  .default([]);
