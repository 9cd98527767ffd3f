import { z } from 'zod';
import { parseYamlWith } from '../../shared/config/config.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { parseDestination } from './destination.ts';
import { SUB_TEMPLATE } from './logins.ts';

/** A longer policy is refused before it is parsed. */
export const POLICY_LIMIT_BYTES = 256 * 1024;

const ROLES_MAX = 500;
const ENTRIES_MAX = 500;

const name = z.string().min(1).max(100);

const hostPattern = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z0-9*._-]+$/, 'must be a host name, in which * may stand for any characters');

const login = z
  .string()
  .min(1)
  .max(64)
  .regex(
    /^(?:[a-z_][a-z0-9_.-]*\$?|\{\{sub\}\})$/i,
    `must be a UNIX login, or ${SUB_TEMPLATE} for the operator's own name`,
  );

const destination = z
  .string()
  .max(300)
  .refine((text) => parseDestination(text) !== undefined, {
    message: 'must be host:port, like db.internal:5432, *.internal:443 or 10.0.0.7:8000-8099',
  });

const labels = z.record(z.string().min(1).max(63), z.string().max(200));

/** What a role may allow. Forwards are listed by destination, under `forward`. */
export const ALLOWABLE = ['shell', 'exec', 'sftp'] as const;

const role = z.strictObject({
  name,
  /** The operator must be in one of them. */
  groups: z.array(name).min(1).max(ENTRIES_MAX),
  require: z.strictObject({ mfa: z.boolean().default(true) }).default({ mfa: true }),
  hosts: z
    .strictObject({
      names: z.array(hostPattern).min(1).max(ENTRIES_MAX).optional(),
      // None at all would cover every host, which nobody means who writes no label.
      labels: labels.refine((asked) => Object.keys(asked).length > 0, 'must name a label').optional(),
    })
    .refine((hosts) => hosts.names !== undefined || hosts.labels !== undefined, {
      message: "must have names, labels, or both; names: ['*'] stands for every host",
    }),
  logins: z.array(login).min(1).max(ENTRIES_MAX),
  allow: z.array(z.enum(ALLOWABLE)).max(ALLOWABLE.length),
  forward: z.array(destination).max(ENTRIES_MAX).default([]),
});

/** A policy file. Whatever no role allows is refused. */
export const policySchema = z.strictObject({
  version: z.literal(1),
  roles: z
    .array(role)
    .max(ROLES_MAX)
    .refine((roles) => new Set(roles.map((item) => item.name)).size === roles.length, {
      message: 'every role needs a name of its own',
    }),
});

export type Policy = z.infer<typeof policySchema>;
export type PolicyRole = Policy['roles'][number];

/**
 * Reads a policy.
 * @param fileName how it is called in messages.
 * @throws `policy.invalid` with every fault, line and column.
 */
export function parsePolicy(text: string, fileName: string): Policy {
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > POLICY_LIMIT_BYTES) {
    throw new DrawbridgeError(
      'policy.invalid',
      `${fileName} has ${sizeBytes} bytes; a policy may have ${POLICY_LIMIT_BYTES}.`,
    );
  }
  return parseYamlWith(text, policySchema, fileName, 'policy.invalid');
}
