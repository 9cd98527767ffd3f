import { z } from 'zod';
import { isoTime, shortText } from './fields.ts';

/** The switch, and how the bastion is. */

export const accessSchema = z.object({
  state: z.enum(['on', 'off']),
  since: isoTime,
  by: z.string().describe('Actor, as kind:name'),
  reason: z.string().optional(),
  until: isoTime.optional().describe('When it turns itself off'),
  outsideWindows: z.boolean().optional().describe('Operators may come outside of the windows of the policy'),
});

const accessChange = {
  state: z.enum(['on', 'off']),
  for: z.string().max(20).optional().describe('With on: turn off by itself after, like 30m, 2h or 1d'),
  until: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('With on: turn off by itself at this time; instead of "for"'),
  outsideWindows: z
    .boolean()
    .optional()
    .describe('With on and an end: let operators in outside of the windows of the policy as well'),
  reason: shortText.optional(),
};

/** Strict with on alone: a misspelt end would be none. Off is not refused for what nobody knows. */
export const accessChangeSchema = z
  .looseObject(accessChange)
  .refine((change) => change.state === 'off' || Object.keys(change).every((key) => key in accessChange), {
    message: 'with state "on" nothing else may be given',
  })
  .refine((change) => change.state === 'on' || (change.for ?? change.until) === undefined, {
    message: '"for" and "until" go with state "on" only',
    path: ['for'],
  })
  .refine((change) => change.for === undefined || change.until === undefined, {
    message: 'give "for" or "until", not both',
    path: ['until'],
  });

export const uplinkSchema = z.object({
  proxy: z.string(),
  state: z.enum(['connected', 'connecting', 'waiting', 'off']),
  since: isoTime,
  rttMs: z.number().optional(),
  streams: z.number(),
  problem: z.string().optional(),
});

export const shippingSchema = z.object({
  name: z.string(),
  kind: z.string(),
  state: z.enum(['current', 'behind', 'failing']),
  sent: z.number().describe('Number of the last event that the other end has'),
  behind: z.number(),
  lastSentAt: isoTime.optional(),
  problem: z.string().optional(),
});

export const witnessSchema = z.object({
  state: z
    .enum(['none', 'pending', 'current', 'behind', 'refused'])
    .describe('`refused`: the witness says that this history does not fit what it saw before'),
  events: z.number().optional().describe('Events that the last counter-signed checkpoint covers'),
  witnessedAt: isoTime.optional(),
  problem: z.string().optional(),
});

export const statusSchema = z.object({
  name: z.string(),
  id: z.string(),
  version: z.string(),
  startedAt: isoTime,
  access: accessSchema,
  liveSessions: z.number(),
  hosts: z.object({ online: z.number(), total: z.number() }),
  uplinks: z.array(uplinkSchema).readonly(),
  evidence: z.object({
    auditEvents: z.number(),
    auditHead: z.string(),
    lastCheckpointAt: isoTime.optional(),
    logProblem: z
      .string()
      .optional()
      .describe('Somebody else than the bastion was found to have changed the log; told for 30 days'),
    witness: witnessSchema,
    shipping: z.array(shippingSchema).readonly(),
    recordingsBytes: z.number(),
    oldestRecordingAt: isoTime.optional(),
    diskFreeBytes: z.number(),
    problem: z.string().optional().describe('Why evidence can not be written; no session is admitted then'),
    warning: z.string().optional().describe('What to see to before it comes to that'),
  }),
});

export type Access = z.infer<typeof accessSchema>;
export type AccessChangeRequest = z.infer<typeof accessChangeSchema>;
export type Uplink = z.infer<typeof uplinkSchema>;
export type Status = z.infer<typeof statusSchema>;
