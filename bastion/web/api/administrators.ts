import { z } from 'zod';
import { isoTime } from './fields.ts';
import { roleSchema } from './sign-in.ts';

/** Who the administrators are, how they set themselves up, and their security keys. */

const username = z.string().min(1).max(64);

export const administratorSchema = z.object({
  username: z.string(),
  role: roleSchema,
  createdAt: isoTime,
  securityKeys: z.number(),
  signIns: z.number().describe('Places where they are signed in now'),
  setupUntil: isoTime.optional().describe('A set-up link waits to be used until then'),
});

export const providedAdministratorSchema = z.object({
  username: z.string().describe("The directory's name in front: `corp/alice`"),
  role: roleSchema.describe('By their groups, at the latest sign-in'),
  signIns: z.number().describe('Places where they are signed in now'),
  lastSeenAt: isoTime,
});

export const administratorListSchema = z.object({
  administrators: z.array(administratorSchema).readonly(),
  provided: z
    .array(providedAdministratorSchema)
    .readonly()
    .describe('People of the directory who are signed in now; they have no account here'),
});

export const newAdministratorSchema = z.object({ username, role: roleSchema });

export const administratorNameSchema = z.object({ username });

/** Of a local administrator, or of one of a directory: `corp/alice`. */
export const anyAdministratorNameSchema = z.object({ username: z.string().min(1).max(300) });

export const endedSignInsSchema = z.object({ ended: z.int().describe('How many there were') });

export const administratorRoleSchema = z.object({ role: roleSchema });

export const setupLinkSchema = z.object({
  username: z.string(),
  url: z.string().describe('Shown this once; good once'),
  expiresAt: isoTime,
});

const secret = z.string().min(1).max(128);

export const openSetupSchema = z.object({ secret });

export const openedSetupSchema = z.object({
  username: z.string(),
  role: roleSchema,
  totpSecret: z.string(),
  totpUri: z.string(),
});

export const completeSetupSchema = z.object({
  secret,
  password: z.string().min(1).max(1024),
  code: z.string().min(1).max(16),
});

export const securityKeySchema = z.object({
  name: z.string(),
  addedAt: isoTime,
  lastUsedAt: isoTime.optional(),
});

export const securityKeyListSchema = z.object({ keys: z.array(securityKeySchema).readonly() });

export const securityKeyNameSchema = z.object({ name: z.string().min(1).max(64) });

/** What `navigator.credentials` is asked with, as JSON of WebAuthn Level 3. */
export const ceremonySchema = z.object({ options: z.record(z.string(), z.unknown()) });

const part = z.string().max(64 * 1024);
const credentialId = z.string().min(1).max(2048);

export const keySignInSchema = z.object({
  response: z.object({
    id: credentialId,
    rawId: credentialId,
    type: z.literal('public-key'),
    clientExtensionResults: z.looseObject({}),
    authenticatorAttachment: part.optional(),
    response: z.object({
      clientDataJSON: part,
      authenticatorData: part,
      signature: part,
      userHandle: part.optional(),
    }),
  }),
});

export const newSecurityKeySchema = z.object({
  name: z.string().min(1).max(64),
  response: z.object({
    id: credentialId,
    rawId: credentialId,
    type: z.literal('public-key'),
    clientExtensionResults: z.looseObject({}),
    authenticatorAttachment: part.optional(),
    response: z.object({
      clientDataJSON: part,
      attestationObject: part,
      transports: z.array(z.string().max(32)).max(8).optional(),
    }),
  }),
});

export type Administrator = z.infer<typeof administratorSchema>;
export type ProvidedAdministrator = z.infer<typeof providedAdministratorSchema>;
export type AdministratorList = z.infer<typeof administratorListSchema>;
export type SetupLink = z.infer<typeof setupLinkSchema>;
export type OpenedSetup = z.infer<typeof openedSetupSchema>;
export type SecurityKeyList = z.infer<typeof securityKeyListSchema>;
export type Ceremony = z.infer<typeof ceremonySchema>;
