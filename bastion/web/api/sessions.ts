import { z } from 'zod';
import { hostName, isoTime, shortText } from './fields.ts';

/** Sessions and what was recorded of them. */

export const recordingSchema = z.object({
  channel: z.number(),
  kind: z.enum(['shell', 'exec', 'subsystem']),
  command: z.string().optional(),
  startedAt: isoTime,
  durationMs: z.number().optional(),
  sizeBytes: z.number(),
  sha256: z.string().optional(),
  encrypted: z.boolean().optional().describe('Its file is an age file, which only the private key opens'),
  state: z.enum(['recording', 'closed', 'interrupted']),
  deletedAt: isoTime.optional().describe('When its file was deleted; the audit log says by whom and why'),
});

export const sessionSchema = z.object({
  id: z.string(),
  operator: z.string(),
  host: z.string(),
  login: z.string(),
  source: z.string().optional(),
  state: z.enum(['live', 'ended', 'interrupted']),
  startedAt: isoTime,
  endedAt: isoTime.optional(),
  endReason: z.string().optional(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  movedAt: isoTime.optional().describe('When bytes last moved; only of a live one'),
  grantedUntil: isoTime.optional().describe("When the customer's approval ends, when it goes on by one"),
  recordings: z.array(recordingSchema).readonly(),
});

export const sessionIdSchema = z.object({ id: z.string().min(1).max(100) });

const moment = z.iso.datetime({ offset: true });

export const sessionKindSchema = z
  .enum(['shell', 'exec', 'unrecorded'])
  .describe('unrecorded: nothing but file transfers and forwards, which are counted and hashed');

export const sessionNamesSchema = z.object({
  operators: z.array(z.string()).readonly(),
  hosts: z.array(z.string()).readonly(),
  logins: z.array(z.string()).readonly(),
});

export const sessionQuerySchema = z.object({
  live: z
    .enum(['true', 'false', '1', '0', ''])
    .optional()
    .describe('true: only those that run. Otherwise: all'),
  operator: z.string().max(200).optional(),
  host: hostName.optional(),
  login: z.string().max(200).optional(),
  kind: sessionKindSchema.optional(),
  from: moment.optional().describe('Started at this time or later'),
  to: moment.optional().describe('Started at this time or earlier'),
  before: moment.optional().describe('Started before this time, for paging'),
  beforeId: z.string().max(100).optional().describe('With before: id of the last session of the page before'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
});

export const sessionListSchema = z.object({ sessions: z.array(sessionSchema).readonly() });

export const endSessionSchema = z
  .object({ message: shortText.optional().describe('Shown in the terminal of the operator') })
  .nullish();

export const channelQuerySchema = z.object({
  channel: z.coerce.number().int().min(1).max(1_000_000).optional().describe('The first when left out'),
});

export const recordingFileQuerySchema = channelQuerySchema.extend({
  for: z
    .enum(['replay', 'verify'])
    .default('replay')
    .describe('What it is fetched for; goes into the audit log as `how`'),
});

export type Recording = z.infer<typeof recordingSchema>;
export type Session = z.infer<typeof sessionSchema>;
export type SessionNames = z.infer<typeof sessionNamesSchema>;
export type SessionList = z.infer<typeof sessionListSchema>;
