import { z } from 'zod';
import type { Resolved } from '../../shared/config/config-path.ts';
import { durationBetween } from '../../shared/config/fields.ts';
import { claimRulesSchema } from '../../shared/identity/provider/claim-rules.ts';
import { clientSettings } from '../../shared/identity/provider/client-settings.ts';
import { loopbackRedirectUri } from '../../shared/identity/provider/redirect-uri.ts';

const PROVIDERS_MAX = 20;
const DAY_MS = 24 * 60 * 60 * 1000;

const provider = z.strictObject({
  name: clientSettings.name.describe('What operators write after `--provider`.'),
  title: clientSettings.title.describe('What operators read; the name if left out.'),
  issuer: clientSettings.issuer,
  clientId: clientSettings.clientId.describe(
    "Id of a public client there (RFC 8252): the operators' command holds no secret.",
  ),
  scopes: clientSettings.scopes,
  algorithms: clientSettings.algorithms,
  ...claimRulesSchema,
  redirectUri: loopbackRedirectUri
    .default('http://127.0.0.1/callback')
    .describe('Where the provider sends the browser back to; without a port, any free one.'),
  keepGroups: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(64)
    .exactOptional()
    .describe('Groups that are kept, where `*` stands for any characters; all if left out.'),
  reauthenticateAfter: durationBetween(0, DAY_MS, '0s to 24h')
    .prefault('1h')
    .describe('The provider is asked to sign the person in anew when they last did longer ago than this.'),
  deviceCode: z
    .boolean()
    .default(true)
    .describe('Whether operators without a browser may sign in with a code on another machine (RFC 8628).'),
});

/** `providers:` — identity providers that operators may sign in with. */
export const providersSection = z
  .array(provider)
  .max(PROVIDERS_MAX)
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, {
    message: 'every provider needs a name of its own',
  })
  .default([])
  .describe('Identity providers that operators may sign in with.');

export type ProviderConfig = Resolved<z.infer<typeof provider>>;
