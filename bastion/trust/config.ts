import { z } from 'zod';
import type { Resolved } from '../../shared/config/config-path.ts';
import { durationBetween, filePath } from '../../shared/config/fields.ts';
import { LOGIN_LIFETIME_MAX_S } from '../../shared/identity/claims.ts';
import { claimRulesSchema } from '../../shared/identity/provider/claim-rules.ts';
import { issuerUrl } from '../../shared/identity/provider/issuer.ts';
import { ID_TOKEN_ALGORITHMS } from '../../shared/identity/provider/key-set.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const LOGIN_AGE_MAX_MS = LOGIN_LIFETIME_MAX_S * 1000;

/** Providers that one bastion may trust. */
const PROVIDERS_MAX = 20;

const keys = z
  .strictObject({
    file: filePath
      .exactOptional()
      .describe("Offline: the JSON document of the provider's `jwks_uri`, kept by an administrator."),
    maxAge: durationBetween(10 * MINUTE_MS, 30 * DAY_MS, '10m to 30d')
      .prefault('24h')
      .describe(
        'Without a file the keys are fetched; those that could not be renewed for so long count no more.',
      ),
  })
  .prefault({})
  .describe("The provider's keys.");

const provider = z.strictObject({
  issuer: issuerUrl.describe("Exactly as the provider's openid-configuration writes it."),
  clientId: z
    .string()
    .min(1)
    .max(256)
    .describe("The application that the vendor's proxy has at the provider: tokens of others are refused."),
  keys,
  algorithms: z
    .array(z.enum(ID_TOKEN_ALGORITHMS))
    .min(1)
    .default(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])
    .describe('Signature algorithms of ID tokens that are taken.'),
  maxLoginAge: durationBetween(MINUTE_MS, LOGIN_AGE_MAX_MS, '1m to 8h')
    .prefault('8h')
    .describe('How long ago an operator may have signed in at the provider. Sessions end then, too.'),
  ...claimRulesSchema,
});

/** Pieces of `bastion.yaml` that say whose word counts about operators. */
export const trustFields = {
  trust: z
    .enum(['proxy', 'idp'])
    .default('proxy')
    .describe(
      "Whose word counts about operators. `proxy`: the vendor's proxy. `idp`: only an identity provider, whose signature this bastion checks itself.",
    ),
  idp: z
    .array(provider)
    .max(PROVIDERS_MAX)
    .refine((list) => new Set(list.map(({ issuer }) => issuer)).size === list.length, {
      message: 'every identity provider may be there once',
    })
    .default([])
    .describe('The identity providers, with `trust: idp`.'),
} as const;

export type TrustedProvider = Resolved<z.infer<typeof provider>>;
