import { z } from 'zod';
import type { Resolved } from '../../shared/config/config-path.ts';
import { durationBetween } from '../../shared/config/fields.ts';
import { claimRulesSchema } from '../../shared/identity/provider/claim-rules.ts';
import { issuerUrl } from '../../shared/identity/provider/issuer.ts';
import { ID_TOKEN_ALGORITHMS } from '../../shared/identity/provider/key-set.ts';
import { loopbackRedirectUri } from '../../shared/identity/provider/redirect-uri.ts';

const PROVIDERS_MAX = 20;
const DAY_MS = 24 * 60 * 60 * 1000;

const provider = z.strictObject({
  /** What operators write after `--provider`. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 small letters, digits and hyphens'),
  /** What operators read. */
  title: z.string().min(1).max(64).exactOptional(),
  /** Exactly as the provider's openid-configuration writes it. */
  issuer: issuerUrl,
  /** A public client (RFC 8252): the operators' command holds no secret. */
  clientId: z.string().min(1).max(256),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/))
    .max(32)
    .refine((scopes) => scopes.includes('openid'), { message: 'must hold openid' })
    .default(['openid', 'profile', 'email']),
  algorithms: z
    .array(z.enum(ID_TOKEN_ALGORITHMS))
    .min(1)
    .default(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA']),
  ...claimRulesSchema,
  /** Where the provider sends the browser back to: without a port, any free one. */
  redirectUri: loopbackRedirectUri.default('http://127.0.0.1/callback'),
  /** Groups that are kept, where * stands for any characters; all unless given. */
  keepGroups: z.array(z.string().min(1).max(256)).min(1).max(64).exactOptional(),
  /** The provider is asked to sign the person in anew when they last did longer ago than this. */
  reauthenticateAfter: durationBetween(0, DAY_MS, '0s to 24h').prefault('1h'),
  /** Whether operators without a browser may sign in with a code on another machine (RFC 8628). */
  deviceCode: z.boolean().default(true),
});

/** `providers:` — identity providers that operators may sign in with. */
export const providersSection = z
  .array(provider)
  .max(PROVIDERS_MAX)
  .refine((list) => new Set(list.map(({ name }) => name)).size === list.length, {
    message: 'every provider needs a name of its own',
  })
  .default([]);

export type ProviderConfig = Resolved<z.infer<typeof provider>>;
