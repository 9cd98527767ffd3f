import { z } from 'zod';
import { isoTime } from './fields.ts';

/** Who is signed in, where, and the tokens of programs. */

export const roleSchema = z
  .enum(['viewer', 'approver', 'admin'])
  .describe('viewer: reads. approver: also switches access and ends sessions. admin: everything.');

export const signInSchema = z.object({
  username: z.string().min(1).max(100),
  password: z.string().min(1).max(1024),
  code: z.string().min(1).max(16).describe('The six digits that the authenticator app shows'),
});

export const meSchema = z.object({
  username: z.string(),
  role: roleSchema,
  expiresAt: isoTime.optional().describe('When this sign-in ends at the latest'),
  provided: z
    .boolean()
    .optional()
    .describe('Whether a directory vouched for them: they have no account here'),
});

export const signInWaysSchema = z.object({
  provider: z.object({ title: z.string() }).optional().describe('The directory, when there is one'),
});

export const providerStartSchema = z.object({
  location: z.string().describe('Where the browser has to go next'),
});

export const providerAnswerSchema = z.object({
  code: z.string().max(8192).optional(),
  state: z.string().max(200).optional(),
  iss: z.string().max(1024).optional(),
  error: z.string().max(200).optional(),
});

export const webSessionSchema = z.object({
  id: z.string(),
  createdAt: isoTime,
  lastSeenAt: isoTime,
  address: z.string(),
  current: z.boolean(),
});

export const webSessionListSchema = z.object({ sessions: z.array(webSessionSchema).readonly() });

export const webSessionIdSchema = z.object({ id: z.string().min(1).max(64) });

export const apiTokenRequestSchema = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'use lower-case letters, digits, dots and dashes'),
  role: roleSchema,
});

export const apiTokenSchema = z.object({
  name: z.string(),
  role: roleSchema,
  createdAt: isoTime,
  createdBy: z.string(),
  lastUsedAt: isoTime.optional(),
});

export const apiTokenListSchema = z.object({ tokens: z.array(apiTokenSchema).readonly() });

export const createdApiTokenSchema = apiTokenSchema.extend({ token: z.string().describe('Shown this once') });

export const apiTokenNameSchema = z.object({ name: z.string().min(1).max(63) });

export type AdminRole = z.infer<typeof roleSchema>;
export type SignInWays = z.infer<typeof signInWaysSchema>;
export type ProviderStart = z.infer<typeof providerStartSchema>;
export type Me = z.infer<typeof meSchema>;
export type WebSession = z.infer<typeof webSessionSchema>;
export type WebSessionList = z.infer<typeof webSessionListSchema>;
export type ApiToken = z.infer<typeof apiTokenSchema>;
export type ApiTokenList = z.infer<typeof apiTokenListSchema>;
export type CreatedApiToken = z.infer<typeof createdApiTokenSchema>;
