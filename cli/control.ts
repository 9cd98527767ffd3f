import { z } from 'zod';
import type { Json } from '../shared/audit/event.ts';
import { ControlClient } from '../shared/control/client.ts';
import { DrawbridgeError } from '../shared/errors.ts';
import type { Cli } from './cli.ts';
import { type PlaceOptions, socketPathOf } from './role-config.ts';

/**
 * Calls the running role and gives its checked answer.
 * @throws `control.not_running`, what the role answers, and `control.unexpected` when the answer is of another form
 */
export async function callRole<T>(
  cli: Cli,
  options: PlaceOptions,
  method: string,
  params: Json,
  answer: z.ZodType<T>,
): Promise<T> {
  const client = await ControlClient.connect(await socketPathOf(options, cli));
  try {
    return readAnswer(await client.call(method, params), method, answer);
  } finally {
    client.close();
  }
}

/** Checks what a role answered, since it may be of another version than this command. */
export function readAnswer<T>(value: unknown, method: string, answer: z.ZodType<T>): T {
  const parsed = answer.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DrawbridgeError(
    'control.unexpected',
    `The role answered ${method} in a form that is not known here.`,
    {
      hint: 'Use the command of the same version as the role that runs.',
      cause: parsed.error,
    },
  );
}

/** What roles answer on the control socket, as far as the command shows it; further fields pass through. */
export const accessStatus = z.looseObject({
  state: z.enum(['on', 'off']),
  since: z.string(),
  by: z.string(),
  reason: z.string().optional(),
  until: z.string().optional(),
  outsideWindows: z.boolean().optional(),
});

export const roleStatus = z.looseObject({ name: z.string(), access: accessStatus });

export const recordingSummary = z.looseObject({
  channel: z.number(),
  kind: z.string(),
  command: z.string().optional(),
  startedAt: z.string(),
  durationMs: z.number().optional(),
  sizeBytes: z.number(),
  sha256: z.string().optional(),
  path: z.string(),
  state: z.string(),
});

export const sessionSummary = z.looseObject({
  id: z.string(),
  operator: z.string(),
  host: z.string(),
  login: z.string(),
  state: z.enum(['live', 'ended', 'interrupted']),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  endReason: z.string().optional(),
  bytesIn: z.number(),
  bytesOut: z.number(),
  source: z.string().optional(),
  movedAt: z.string().optional(),
  grantedUntil: z.string().optional(),
  recordings: z.array(recordingSummary),
});

export const hostSummary = z.looseObject({
  name: z.string(),
  online: z.boolean(),
  via: z.string(),
  target: z.string(),
  labels: z.record(z.string(), z.string()),
  version: z.string().optional(),
  lastSeenAt: z.string().optional(),
  signedInBy: z.string().optional(),
  away: z.object({ code: z.string(), message: z.string() }).optional(),
});

export const createdToken = z.looseObject({
  token: z.string(),
  name: z.string(),
  expiresAt: z.string(),
  command: z.string(),
});

export const policySummary = z.looseObject({
  version: z.number(),
  appliedAt: z.string(),
  appliedBy: z.string(),
  sha256: z.string(),
  message: z.string().optional(),
  text: z.string(),
});

export const policyVersions = z.array(policySummary.omit({ text: true }));

export const policyAnswer = z.looseObject({
  allow: z.boolean(),
  rule: z.string().optional(),
  reason: z.string().optional(),
  limits: z.record(z.string(), z.unknown()).optional(),
  keepsStdin: z.boolean().optional(),
  at: z.string(),
  until: z.string().optional(),
  access: z.enum(['on', 'off']).optional(),
  roles: z.array(z.looseObject({ role: z.string(), allows: z.boolean(), why: z.string() })),
});

export const auditEvent = z.looseObject({
  seq: z.number(),
  id: z.string(),
  time: z.string(),
  type: z.string(),
  actor: z.string(),
  session: z.string().optional(),
  operator: z.string().optional(),
  host: z.string().optional(),
  login: z.string().optional(),
  prev: z.string(),
  hash: z.string(),
});

export type SessionSummary = z.infer<typeof sessionSummary>;
export type RecordingSummary = z.infer<typeof recordingSummary>;
export type HostSummary = z.infer<typeof hostSummary>;
