import { z } from 'zod';
import { issuerUrl } from './issuer.ts';
import { ID_TOKEN_ALGORITHMS } from './key-set.ts';

/**
 * What a configuration says of a client at an identity provider, whichever role the client is for: how it is called
 * here, and what is asked of the provider and taken from it. Each role describes the fields that mean something of its own.
 */
export const clientSettings = {
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'must be 1 to 32 small letters, digits and hyphens'),
  title: z.string().min(1).max(64).exactOptional(),
  issuer: issuerUrl.describe("Exactly as the provider's openid-configuration writes it."),
  clientId: z.string().min(1).max(256),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/))
    .max(32)
    .refine((scopes) => scopes.includes('openid'), { message: 'must hold openid' })
    .default(['openid', 'profile', 'email'])
    .describe('Scopes to ask for; `openid` must be one.'),
  algorithms: z
    .array(z.enum(ID_TOKEN_ALGORITHMS))
    .min(1)
    .default(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])
    .describe('Signature algorithms of ID tokens that are taken.'),
};
