import { z } from 'zod';

/**
 * The bastion's HTTP API as one set of schemas: the server validates with them and describes itself by them
 * (`/api/openapi.json`), the page takes its types from them. Nothing but zod may be imported here, since the page
 * reads this file too.
 */

const isoTime = z.string().describe('ISO 8601, UTC');
const shortText = z.string().trim().min(1).max(200);
const hostName = z.string().min(1).max(253);

/** The body of every refusal. */
export const problemSchema = z.object({
  code: z.string().describe('Stable and dotted; programs match on it'),
  message: z.string().describe('One sentence for people'),
  hint: z.string().optional().describe('What to do about it'),
});

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
});

export const accessSchema = z.object({
  state: z.enum(['on', 'off']),
  since: isoTime,
  by: z.string().describe('Actor, as kind:name'),
  reason: z.string().optional(),
  until: isoTime.optional().describe('When it turns itself off'),
  outsideWindows: z.boolean().optional().describe('Operators may come outside of the windows of the policy'),
});

export const accessChangeSchema = z
  .object({
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
    witness: witnessSchema,
    shipping: z.array(shippingSchema).readonly(),
    recordingsBytes: z.number(),
    diskFreeBytes: z.number(),
    problem: z.string().optional().describe('Why evidence can not be written; no session is admitted then'),
    warning: z.string().optional().describe('What to see to before it comes to that'),
  }),
});

export const recordingSchema = z.object({
  channel: z.number(),
  kind: z.enum(['shell', 'exec', 'subsystem']),
  command: z.string().optional(),
  startedAt: isoTime,
  durationMs: z.number().optional(),
  sizeBytes: z.number(),
  sha256: z.string().optional(),
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

export const sessionQuerySchema = z.object({
  live: z
    .enum(['true', 'false', '1', '0', ''])
    .optional()
    .describe('true: only those that run. Otherwise: all'),
  operator: z.string().max(200).optional(),
  host: hostName.optional(),
  before: z.iso.datetime({ offset: true }).optional().describe('Started before this time, for paging'),
  limit: z.coerce.number().int().min(1).max(500).default(50),
});

export const sessionListSchema = z.object({ sessions: z.array(sessionSchema).readonly() });

export const endSessionSchema = z
  .object({ message: shortText.optional().describe('Shown in the terminal of the operator') })
  .nullish();

export const channelQuerySchema = z.object({
  channel: z.coerce.number().int().min(1).max(1_000_000).optional().describe('The first when left out'),
});

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
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

export const auditListSchema = z.object({ events: z.array(auditEventSchema).readonly() });

export const hostSchema = z.object({
  id: z.string(),
  name: z.string(),
  online: z.boolean(),
  via: z.enum(['agent', 'direct']),
  target: z.enum(['builtin', 'sshd']),
  labels: z.record(z.string(), z.string()),
  version: z.string().optional(),
  platform: z.string().optional(),
  joinedAt: isoTime,
  lastSeenAt: isoTime.optional(),
});

export const hostListSchema = z.object({ hosts: z.array(hostSchema).readonly() });
export const hostNameSchema = z.object({ name: hostName });

export const joinTokenRequestSchema = z.object({
  name: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'use lower-case letters, digits and dashes, at most 63'),
  labels: z.record(z.string().min(1).max(63), z.string().max(255)).optional(),
});

export const joinTokenSchema = z.object({
  token: z.string().describe('Shown this once; single use'),
  name: z.string(),
  expiresAt: isoTime,
  command: z.string().describe('The line to paste on the host'),
});

export const policySchema = z.object({
  version: z.number(),
  appliedAt: isoTime,
  appliedBy: z.string(),
  sha256: z.string(),
  text: z.string(),
});

export const searchQuerySchema = z.object({
  q: z.string().trim().min(1).max(200).describe('Whole words that must all occur'),
  operator: z.string().max(200).optional(),
  host: hostName.optional(),
  from: z.iso.datetime({ offset: true }).optional().describe('Only sessions that started then or later'),
  to: z.iso.datetime({ offset: true }).optional().describe('Only sessions that started then or earlier'),
  limit: z.coerce.number().int().min(1).max(100).default(50),
});

/** A line that was on the screen: text to show as it is, never markup. */
export const screenHitSchema = z.object({
  channel: z.number(),
  timeS: z.number().describe('Seconds from the start of the recording at which it was seen first'),
  text: z.string(),
});

export const inSessionQuerySchema = z.object({
  q: z.string().trim().min(1).max(200),
  channel: z.coerce.number().int().min(1).max(1_000_000).default(1),
});

export const inSessionResultSchema = z.object({
  hits: z.array(screenHitSchema).readonly(),
  complete: z.boolean().describe('false when there are more hits, or when it has not been read to its end'),
});

export const replayIndexSchema = z.object({
  version: z.literal(1),
  duration: z.number().describe('Seconds'),
  term: z.object({ cols: z.number(), rows: z.number() }),
  segments: z.array(z.object({ start: z.number(), number: z.number(), url: z.string() })).readonly(),
  markers: z.array(z.tuple([z.number(), z.string()]).readonly()).readonly(),
});

export const replaySegmentSchema = z.object({
  snapshot: z.object({ cols: z.number(), rows: z.number(), init: z.string() }),
  events: z.array(z.tuple([z.number(), z.string(), z.string()]).readonly()).readonly(),
});

export const segmentNumberSchema = z.object({
  id: z.string().min(1).max(100),
  number: z.coerce.number().int().min(0).max(10_000_000),
});

const keepingReason = z.string().trim().min(1).max(500).describe('Goes into the audit log');
export const holdSchema = z.object({ reason: keepingReason });
export const deleteRecordingsSchema = z.object({
  channel: z.number().int().min(1).max(1_000_000).optional().describe('All of the session when left out'),
  reason: keepingReason,
});
export const deletedRecordingsSchema = z.object({ deleted: z.number() });
export const holdListSchema = z.object({
  holds: z
    .array(z.object({ session: z.string(), reason: z.string(), placedBy: z.string(), placedAt: isoTime }))
    .readonly(),
});

export const searchResultSchema = z.object({
  results: z
    .array(
      z.object({
        session: sessionSchema,
        matches: z.array(
          z.object({
            field: z.enum(['operator', 'host', 'login', 'session', 'source', 'command', 'screen']),
            text: z.string().describe('Text to show as it is, never markup'),
            channel: z.number().optional().describe('With screen: where it was seen'),
            timeS: z.number().optional().describe('With screen: when, in seconds from the start'),
          }),
        ),
      }),
    )
    .readonly(),
  complete: z.boolean().describe('false when there is more to search than one request reads'),
});

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

export const webSessionSchema = z.object({
  id: z.string(),
  createdAt: isoTime,
  lastSeenAt: isoTime,
  address: z.string(),
  current: z.boolean(),
});

export const webSessionListSchema = z.object({ sessions: z.array(webSessionSchema).readonly() });
export const webSessionIdSchema = z.object({ id: z.string().min(1).max(64) });

export const doneSchema = z.object({ ok: z.literal(true) });

export type Problem = z.infer<typeof problemSchema>;
export type AdminRole = z.infer<typeof roleSchema>;
export type Me = z.infer<typeof meSchema>;
export type Access = z.infer<typeof accessSchema>;
export type AccessChangeRequest = z.infer<typeof accessChangeSchema>;
export type Uplink = z.infer<typeof uplinkSchema>;
export type Status = z.infer<typeof statusSchema>;
export type Recording = z.infer<typeof recordingSchema>;
export type Session = z.infer<typeof sessionSchema>;
export type SessionList = z.infer<typeof sessionListSchema>;
export type AuditEntry = z.infer<typeof auditEventSchema>;
export type AuditList = z.infer<typeof auditListSchema>;
export type Host = z.infer<typeof hostSchema>;
export type HostList = z.infer<typeof hostListSchema>;
export type JoinToken = z.infer<typeof joinTokenSchema>;
export type Policy = z.infer<typeof policySchema>;
export type SearchResult = z.infer<typeof searchResultSchema>;
export type ApiToken = z.infer<typeof apiTokenSchema>;
export type ApiTokenList = z.infer<typeof apiTokenListSchema>;
export type CreatedApiToken = z.infer<typeof createdApiTokenSchema>;
export type WebSession = z.infer<typeof webSessionSchema>;
export type WebSessionList = z.infer<typeof webSessionListSchema>;
