import { z } from 'zod';
import type { Resolved } from '../../../shared/config/config-path.ts';
import { durationBetween, filePath } from '../../../shared/config/fields.ts';
import { claimRulesSchema } from '../../../shared/identity/provider/claim-rules.ts';
import { clientSettings } from '../../../shared/identity/provider/client-settings.ts';

/** Groups that may have one role. */
const GROUPS_MAX = 64;
const METHODS_MAX = 16;
/** Shorter than this the page asks for a sign-in while one works; longer is a working day. */
const SIGN_IN_MIN_MS = 5 * 60_000;
const SIGN_IN_MAX_MS = 8 * 3_600_000;

const groups = z.array(z.string().min(1).max(256)).max(GROUPS_MAX).default([]);
const { usernameClaim, usernameSuffix, groupsClaim, acrMeans } = claimRulesSchema;

const provider = z
  .strictObject({
    name: clientSettings.name.describe(
      'What stands before the names of its people: `corp` makes `corp/alice`.',
    ),
    title: clientSettings.title.describe('What the button on the page says; the name if left out.'),
    issuer: clientSettings.issuer,
    clientId: clientSettings.clientId.describe(
      'Id of a confidential client that is for this bastion alone: tokens of others are refused.',
    ),
    clientSecretFile: filePath.describe('File (0600) with its secret. It is read at each sign-in.'),
    pageUrl: z
      .string()
      .max(1024)
      .refine(isPageUrl, 'must be an https address without query, such as https://intra.example.com/bastion')
      .exactOptional()
      .meta({ title: 'https address' })
      .describe('The page as browsers reach it, when that is not `publicUrl`: behind a reverse proxy.'),
    scopes: clientSettings.scopes,
    algorithms: clientSettings.algorithms,
    ...{ usernameClaim, usernameSuffix, groupsClaim, acrMeans },
    signInFor: durationBetween(SIGN_IN_MIN_MS, SIGN_IN_MAX_MS, '5m to 8h')
      .prefault('8h')
      .describe(
        'How long a sign-in lasts at most. What the directory changes meanwhile counts at the next one alone.',
      ),
    requireAmr: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(METHODS_MAX)
      .exactOptional()
      .describe('One of these sign-in methods (RFC 8176) has to be in the ID token: `[mfa]`.'),
    roles: z
      .strictObject({
        viewer: groups.describe('Groups whose people may read.'),
        approver: groups.describe('Groups whose people may also switch access, approve and end sessions.'),
        admin: groups.describe('Groups whose people may do everything.'),
      })
      .refine((roles) => Object.values(roles).some((named) => named.length > 0), {
        message: 'name at least one group',
      })
      .describe('Which groups have which role; of several, the highest. Who is in none is refused.'),
  })
  .describe("Sign-in of administrators by the customer's own directory (OpenID Connect).");

/** `admins:` — who else than the local administrators may sign in at the page. */
export const adminsSection = z
  .strictObject({ provider: provider.exactOptional() })
  .prefault({})
  .describe("The customer's administrators.");

export type AdminProviderConfig = Resolved<z.infer<typeof provider>>;

function isPageUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'https:' && url.search === '' && url.hash === '' && url.username === '';
}
