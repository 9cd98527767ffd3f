import { z } from 'zod';
import { parseAddressRange } from '../../shared/address-range.ts';
import { parseYamlWith } from '../../shared/config/config.ts';
import { byteSize, durationBetween } from '../../shared/config/fields.ts';
import { DrawbridgeError } from '../../shared/errors.ts';
import { approvalRule } from './approval.ts';
import { parseDestination } from './destination.ts';
import { SUB_TEMPLATE } from './logins.ts';
import { isZone, parseDay, parseMinute, WEEKDAYS } from './zone-time.ts';

/** A longer policy is refused before it is parsed. */
export const POLICY_LIMIT_BYTES = 256 * 1024;

const ROLES_MAX = 500;
const ENTRIES_MAX = 500;
const WINDOWS_MAX = 50;
const SOURCES_MAX = 100;
const DAY_MS = 86_400_000;

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

/** What a role may allow. Forwards are listed by address, under `forward` and `remote_forward`. */
export const ALLOWABLE = ['shell', 'exec', 'sftp', 'agent_forwarding'] as const;

const sourceRange = z
  .string()
  .refine(
    (text) => parseAddressRange(text) !== undefined,
    'must be a range of addresses such as 203.0.113.0/24',
  );

const zone = z
  .string()
  .max(64)
  .refine(isZone, 'must be a time zone of the IANA database, such as Europe/Berlin or UTC');

const timeOfDay = (latest: string) =>
  z
    .string(`must be a time such as '08:00'`)
    .refine(
      (text) => parseMinute(text) !== undefined && text <= latest,
      `must be a time from 00:00 to ${latest}`,
    );

const day = z
  .string('must be a day such as 2026-12-31')
  .refine((text) => parseDay(text) !== undefined, 'must be a day that exists, such as 2026-12-31');

/** Hours in which a role counts. Over midnight when `to` comes before `from`; `days` are those on which it begins. */
const window = z
  .strictObject({
    days: z
      .array(z.enum(WEEKDAYS))
      .min(1)
      .max(WEEKDAYS.length)
      .exactOptional()
      .describe('Days on which the window begins; every day if left out.'),
    from: timeOfDay('23:59').default('00:00').describe('When it begins.'),
    to: timeOfDay('24:00')
      .default('24:00')
      .describe('When it ends; over midnight when that comes before `from`.'),
    zone: zone.exactOptional().describe("Time zone; the policy's own if left out."),
  })
  .refine(({ from, to }) => from !== to, {
    message: 'must end at another time than it begins; a whole day is 00:00 to 24:00',
    path: ['to'],
  });

/** The days in which a role counts, the first and the last included: a contract period. */
const valid = z
  .strictObject({
    from: day.exactOptional().describe('First day.'),
    until: day.exactOptional().describe('Last day, which counts as a whole.'),
    zone: zone.exactOptional().describe("Time zone; the policy's own if left out."),
  })
  .refine(({ from, until }) => from !== undefined || until !== undefined, 'must have from, until, or both')
  .refine(({ from, until }) => from === undefined || until === undefined || from <= until, {
    message: 'must not end before it begins',
    path: ['until'],
  });

/** Which way files may go: `up` to the host, `down` to the operator. */
export const TRANSFERS = ['up', 'down', 'both', 'none'] as const;

const limits = z.strictObject({
  session: durationBetween(1000, 30 * DAY_MS, '1s to 30d')
    .exactOptional()
    .describe('Longest session.'),
  idle: durationBetween(1000, 30 * DAY_MS, '1s to 30d')
    .exactOptional()
    .describe('Longest time without a byte.'),
  sessions: z.int().min(1).max(10_000).exactOptional().describe('Sessions of one operator at once.'),
  sessions_total: z.int().min(1).max(10_000).exactOptional().describe('Sessions of all operators at once.'),
  new_per_minute: z
    .int()
    .min(1)
    .max(1_000)
    .exactOptional()
    .describe('New sessions of one operator in a minute.'),
  file_size: byteSize.exactOptional().describe('Largest file that may be transferred.'),
  transfers: z
    .enum(TRANSFERS)
    .exactOptional()
    .describe('Which way files may go: `up` to the host, `down` to the operator; both if left out.'),
});

const requirements = z
  .strictObject({
    mfa: z.boolean().default(true).describe('A second factor at sign-in.'),
    user_verification: z
      .boolean()
      .default(false)
      .describe('The sign-in checked the person: a finger, a face, or the PIN of a security key.'),
    trusted_device: z
      .boolean()
      .default(false)
      .describe(
        "The login came from a device that the vendor's administrator has approved, as the vendor's proxy says.",
      ),
    source: z
      .array(sourceRange)
      .min(1)
      .max(SOURCES_MAX)
      .exactOptional()
      .describe("Ranges in one of which the operator's address must lie, as the vendor's proxy reports it."),
  })
  .prefault({})
  .describe('What the sign-in of the operator must have had.');

const record = z
  .strictObject({
    stdin: z
      .boolean()
      .default(false)
      .describe(
        'Keep the standard input of commands in the recording: text, up to 64 KiB. It may hold passwords.',
      ),
  })
  .describe('What is kept beyond what always is.');

const role = z.strictObject({
  name: name.describe('Name of the role, for the audit log and for you.'),
  groups: z.array(name).min(1).max(ENTRIES_MAX).describe('The operator must be in one of them.'),
  require: requirements,
  hosts: z
    .strictObject({
      names: z
        .array(hostPattern)
        .min(1)
        .max(ENTRIES_MAX)
        .optional()
        .describe('Names, in which `*` stands for any characters.'),
      // None at all would cover every host, which nobody means who writes no label.
      labels: labels
        .refine((asked) => Object.keys(asked).length > 0, 'must name a label')
        .optional()
        .describe('Labels that the host must have, all of them.'),
    })
    .refine((hosts) => hosts.names !== undefined || hosts.labels !== undefined, {
      message: "must have names, labels, or both; names: ['*'] stands for every host",
    })
    .describe('Hosts that the role covers: names, labels, or both.'),
  logins: z
    .array(login)
    .min(1)
    .max(ENTRIES_MAX)
    .describe("UNIX accounts that may be used; `{{sub}}` stands for the operator's own name."),
  allow: z.array(z.enum(ALLOWABLE)).max(ALLOWABLE.length).describe('What may be done there.'),
  forward: z
    .array(destination)
    .max(ENTRIES_MAX)
    .default([])
    .describe('Destinations that `ssh -L`, `-D` and `-W` may reach from the host, as `host:port`.'),
  remote_forward: z
    .array(destination)
    .max(ENTRIES_MAX)
    .default([])
    .describe(
      'Addresses of the host on which it may listen for the operator (`ssh -R`). Its connections reach the operator.',
    ),
  windows: z
    .array(window)
    .min(1)
    .max(WINDOWS_MAX)
    .exactOptional()
    .describe('Outside of all of them the role counts for nothing, and sessions that only it allows end.'),
  valid: valid.exactOptional().describe('A contract period: the days in which the role counts.'),
  limits: limits.exactOptional().describe('Limits of what the role allows.'),
  record: record.exactOptional(),
  approval: approvalRule.exactOptional().describe("What the role allows waits for the customer's word."),
});

/** A policy file. Whatever no role allows is refused. */
export const policySchema = z.strictObject({
  version: z.literal(1).describe('Version of the format.'),
  zone: zone
    .exactOptional()
    .describe('Time zone of windows and periods that name none of their own; UTC if left out.'),
  roles: z
    .array(role)
    .max(ROLES_MAX)
    .refine((roles) => new Set(roles.map((item) => item.name)).size === roles.length, {
      message: 'every role needs a name of its own',
    })
    .describe('What no role allows is refused.'),
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
