import { z } from 'zod';
import { isoTime } from './fields.ts';

/** How the customer's people decide about operators. */

const text = z.string().trim().min(1).max(500);

export const grantSchema = z.object({
  id: z.string(),
  request: z.string(),
  operator: z.string(),
  host: z.string(),
  login: z.string(),
  role: z.string().describe('The role of the policy that it was given for'),
  reason: z.string().optional(),
  approvedBy: z.array(z.string()).readonly().describe('Actors, as kind:name'),
  grantedAt: isoTime,
  until: isoTime,
});

export const approvalRequestSchema = z.object({
  id: z.string(),
  operator: z.string(),
  newcomer: z.literal(true).optional().describe('Nothing was ever granted to an operator of this name here'),
  host: z.string(),
  login: z.string(),
  role: z.string(),
  action: z.string().describe('What the operator wanted to do'),
  session: z.string(),
  source: z.string().optional(),
  reason: z.string().optional(),
  askedAt: isoTime,
  expiresAt: isoTime,
  forMs: z.number().describe('Longest time that may be granted'),
  approversNeeded: z.number(),
  approvedBy: z.array(z.string()).readonly(),
});

export const approvalListSchema = z.object({
  requests: z.array(approvalRequestSchema).readonly(),
  grants: z.array(grantSchema).readonly(),
});

export const approvalIdSchema = z.object({ id: z.string().min(1).max(64) });
/** Strict: a misspelt end would grant for as long as the policy allows. */
export const grantRequestSchema = z
  .strictObject({
    for: z.string().max(20).optional().describe('Like 30m or 2h; as long as the policy allows when left out'),
  })
  .nullish();
export const grantAnswerSchema = z.object({
  grant: grantSchema.optional().describe('Missing while another person has to approve'),
});
export const answerSchema = z.object({ message: text.optional() }).nullish();

/** Strict: a misspelt filter would name all of them. */
export const refuseAllSchema = z.strictObject({
  operator: z.string().min(1).max(256).optional().describe('Those of this operator alone'),
  newcomers: z
    .boolean()
    .optional()
    .describe('Those alone of operators to whom nothing was ever granted here'),
  message: text.optional(),
});
export const refusedSchema = z.object({ refused: z.number().describe('Requests that were refused') });

export const lockSchema = z.object({
  operator: z.string(),
  reason: z.string().optional(),
  lockedBy: z.string(),
  lockedAt: isoTime,
});
export const lockListSchema = z.object({ locks: z.array(lockSchema).readonly() });
export const operatorNameSchema = z.object({ operator: z.string().min(1).max(256) });
export const lockRequestSchema = z.object({ reason: text.optional() }).nullish();
export const endedSchema = z.object({ ended: z.number().describe('Sessions that were ended') });

export type ApprovalRequest = z.infer<typeof approvalRequestSchema>;
export type Grant = z.infer<typeof grantSchema>;
export type ApprovalList = z.infer<typeof approvalListSchema>;
export type Lock = z.infer<typeof lockSchema>;
