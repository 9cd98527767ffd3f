import { z } from 'zod';
import { isoTime } from './fields.ts';

/** The audit log. */

export const auditEventSchema = z.looseObject({
  seq: z.number(),
  id: z.string(),
  time: isoTime,
  type: z.string(),
  actor: z.string(),
  operator: z.string().optional(),
  session: z.string().optional(),
  host: z.string().optional(),
  login: z.string().optional(),
  prev: z.string(),
  hash: z.string(),
});

const moment = z.iso.datetime({ offset: true });

export const auditQuerySchema = z.object({
  after: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe('Only greater sequence numbers, oldest first. Without it: newest first'),
  before: z.coerce.number().int().min(1).optional().describe('Only smaller sequence numbers'),
  type: z.string().max(100).optional(),
  session: z.string().max(100).optional(),
  operator: z.string().max(200).optional(),
  host: z.string().max(253).optional(),
  from: moment.optional().describe('Only events of this time or later'),
  to: moment.optional().describe('Only events of this time or earlier'),
  text: z
    .string()
    .trim()
    .max(200)
    .optional()
    .describe('Only events that have it somewhere, without regard to the case of A to Z'),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export const auditListSchema = z.object({
  events: z.array(auditEventSchema).readonly(),
  searchedTo: z
    .number()
    .optional()
    .describe('With text, from or to: the search stopped behind this event; go on from it for more'),
});

export const auditSeqSchema = z.object({ seq: z.coerce.number().int().min(1) });

export const auditProofSchema = z.object({
  note: z.string().describe('A checkpoint that covers the event (C2SP tlog-checkpoint)'),
  path: z
    .array(z.string())
    .readonly()
    .describe('Hashes from the event to the root, base64 (RFC 9162, 2.1.3.1)'),
  key: z.string().describe("The bastion's public key, Ed25519, base64url"),
  witness: z
    .object({
      id: z.string(),
      name: z.string(),
      key: z.string().describe('Ed25519, base64url, as the bastion has pinned it'),
    })
    .optional()
    .describe(
      'Who counter-signs checkpoints (C2SP tlog-cosignature); the note has it when they have got that far',
    ),
});

export const verifyProgressSchema = z.object({ events: z.number(), of: z.number() });

export const verifyReportSchema = z.object({
  ok: z.boolean(),
  events: z.number(),
  head: z.string().describe('Hash of the last event'),
  checkpoints: z.number().describe('Number of checkpoints that fit'),
  lines: z
    .array(z.object({ ok: z.boolean(), text: z.string() }))
    .readonly()
    .describe('A line per check and per fault, for people'),
});

export type VerifyProgress = z.infer<typeof verifyProgressSchema>;
export type VerifyReport = z.infer<typeof verifyReportSchema>;
export type AuditProof = z.infer<typeof auditProofSchema>;
export type AuditEntry = z.infer<typeof auditEventSchema>;
export type AuditList = z.infer<typeof auditListSchema>;
