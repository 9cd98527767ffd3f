import { z } from 'zod';
import { hostName, isoTime } from './fields.ts';

/** Hosts, and how one joins. */

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
  signedInBy: z
    .enum(['certificate', 'key'])
    .optional()
    .describe(
      "How the host's own sshd last let the bastion in; by a certificate, its log names the operator",
    ),
  away: z
    .object({ code: z.string(), message: z.string() })
    .optional()
    .describe(
      "Why it is offline: how its agent's last tunnel ended since the bastion started; `agent.stopping` for an orderly stop",
    ),
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

export type Host = z.infer<typeof hostSchema>;
export type HostList = z.infer<typeof hostListSchema>;
export type JoinToken = z.infer<typeof joinTokenSchema>;
