import { z } from 'zod';
import { isoTime } from './fields.ts';

/** The policy: read, check, explain, apply, undo. */

export const policySchema = z.object({
  version: z.number(),
  appliedAt: isoTime,
  appliedBy: z.string(),
  sha256: z.string(),
  text: z.string(),
});

const text = z.string().max(262_144).describe('The policy as YAML');
const version = z.coerce.number().int().min(1);
const message = z.string().trim().min(1).max(500).optional().describe('Why, for the history');

export const policyVersionSchema = policySchema
  .omit({ text: true })
  .extend({ message: z.string().optional() });

export const policyTextSchema = policySchema.extend({ message: z.string().optional() });

export const policyHistorySchema = z.object({ versions: z.array(policyVersionSchema).readonly() });

export const policyHistoryQuerySchema = z.object({
  before: version.optional().describe('Only versions before this one, for paging'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
});

export const policyVersionParamsSchema = z.object({ version });

export const policyDifferenceQuerySchema = z.object({ from: version, to: version });

export const policyDifferenceSchema = z.object({
  lines: z.array(z.string()).readonly().describe('"- " removed, "+ " added'),
});

export const policyCheckSchema = z.object({ text });

export const policyExplainSchema = z.object({
  operator: z.string().min(1).max(256),
  groups: z.array(z.string().min(1).max(256)).max(200).default([]),
  amr: z.array(z.string().min(1).max(32)).max(20).default(['mfa']).describe('RFC 8176'),
  host: z.string().min(1).max(100),
  login: z.string().max(64).default(''),
  action: z.string().min(1).max(300).default('shell').describe('shell, exec, sftp, or forward:HOST:PORT'),
  source: z.string().min(1).max(100).optional().describe('Address that the operator comes from'),
  at: z.iso.datetime({ offset: true }).optional().describe('Now when left out'),
  text: text.optional().describe('Asks this policy instead of the one in force'),
});

export const policyAnswerSchema = z.object({
  allow: z.boolean(),
  rule: z.string().optional().describe('The first role that allows'),
  code: z.string().optional(),
  reason: z.string().optional(),
  limits: z.record(z.string(), z.unknown()).optional(),
  keepsStdin: z.boolean().optional().describe('True when the standard input of commands is kept'),
  at: z.string(),
  until: z.string().optional().describe('When the answer may be another'),
  version: z.number().optional(),
  access: z.enum(['on', 'off']).describe('Remote access now; off, nobody gets in whatever the policy says'),
  roles: z
    .array(
      z.object({
        role: z.string(),
        allows: z.boolean(),
        code: z.string().optional(),
        why: z.string(),
        until: z.string().optional(),
      }),
    )
    .readonly(),
});

/** Strict: a misspelt version would replace whatever policy is in force. */
export const policyApplySchema = z.strictObject({
  text,
  message,
  expectedVersion: version.optional().describe('Refuse when another version is in force by now'),
});

export const policyUndoSchema = z
  .strictObject({
    to: version.optional().describe('The version before the one in force when left out'),
    message,
  })
  .nullish();

export type PolicyVersionEntry = z.infer<typeof policyVersionSchema>;
export type PolicyHistory = z.infer<typeof policyHistorySchema>;
export type PolicyAnswerBody = z.infer<typeof policyAnswerSchema>;
export type Policy = z.infer<typeof policySchema>;
