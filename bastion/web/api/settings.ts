import { z } from 'zod';
import { isoTime } from './fields.ts';

/** How this bastion is set up, as far as one has to know it to trust it. All of it is decided in `bastion.yaml`. */

const fingerprint = z.string().describe('RFC 7638, SHA-256: what `drawbridge` prints for the same key');

const groupNames = z.array(z.string()).readonly();

export const settingsSchema = z.object({
  publicUrl: z.string(),
  dataDir: z.string(),
  keys: z.object({
    bastion: fingerprint,
    sshHostKey: z.string().describe("As OpenSSH writes it: what operators' clients show"),
    sshClientKey: z.string().describe('With it the bastion signs in at the hosts'),
    certificate: z.string().describe("SHA-256 of the page's TLS certificate"),
  }),
  proxy: z
    .object({ name: z.string(), id: z.string(), address: z.string(), key: fingerprint })
    .optional()
    .describe("The vendor's proxy, as it is pinned; none before the bastion has joined one"),
  trust: z.object({
    mode: z.enum(['proxy', 'idp']),
    providers: z.array(z.object({ issuer: z.string(), clientId: z.string() })).readonly(),
  }),
  directory: z
    .object({
      title: z.string(),
      name: z.string().describe('What stands before the names of its people'),
      issuer: z.string(),
      clientId: z.string(),
      callback: z.string().describe('Where it sends browsers back to, and has to know'),
      roles: z
        .object({ viewer: groupNames, approver: groupNames, admin: groupNames })
        .describe('Groups that have a role'),
      requireAmr: groupNames.optional().describe('One of these sign-in methods has to have been used'),
      signInForMs: z.number().describe('How long a sign-in by it lasts; nothing is asked of it in between'),
      lastSignIn: z.object({ at: isoTime, username: z.string() }).optional(),
      lastFailure: z.object({ at: isoTime, reason: z.string() }).optional(),
    })
    .optional()
    .describe(
      "The customer's directory, where administrators sign in by one; `last` since the bastion started",
    ),
  recordings: z.object({
    directory: z.string(),
    keepForMs: z.number().optional(),
    keepBytes: z.number().optional(),
    compressAfterMs: z.number().optional(),
  }),
  shipping: z.array(z.object({ name: z.string(), kind: z.string(), to: z.string() })).readonly(),
  keepTunnelWhenOff: z.boolean(),
});

export type Settings = z.infer<typeof settingsSchema>;
