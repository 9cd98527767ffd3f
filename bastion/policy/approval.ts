import { z } from 'zod';
import { durationBetween } from '../../shared/config/fields.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `approval:` of a role: nothing is done by it on a host until the customer has said yes, for a time. */
export const approvalRule = z.strictObject({
  approvers: z
    .union([z.literal(1), z.literal(2)], 'must be 1 or 2')
    .default(1)
    .describe('How many different people must say yes.'),
  for: durationBetween(MINUTE_MS, 30 * DAY_MS, '1m to 30d')
    .prefault('2h')
    .describe('Longest time for which an approval can be given.'),
  wait: durationBetween(1000, 8 * HOUR_MS, '1s to 8h')
    .prefault('10m')
    .describe('How long an operator may wait for the answer.'),
  reason: z.enum(['required', 'optional']).default('optional').describe('Whether an operator must say why.'),
});

export type ApprovalRule = z.infer<typeof approvalRule>;

/** A customer's approval that is in force, as far as a decision looks at it. */
export interface PolicyGrant {
  readonly id: string;
  readonly operator: string;
  readonly host: string;
  readonly login: string;
  /** The role that it was given for. */
  readonly role: string;
  /** How many people have given it. */
  readonly approvers: number;
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

/** What is missing when a role would allow something, had the customer approved it. */
export interface ApprovalNeed {
  readonly role: string;
  readonly rule: ApprovalRule;
}

/** The grant of `grants` that covers this. One that was given by fewer people than the role asks for now does not. */
export function coveringGrant(
  role: { readonly name: string; readonly approval?: ApprovalRule | undefined },
  request: {
    readonly operator: string;
    readonly host: string;
    readonly login: string;
    readonly timeMs: number;
    readonly grants?: readonly PolicyGrant[] | undefined;
  },
): PolicyGrant | undefined {
  const { approval } = role;
  if (approval === undefined) return undefined;
  return request.grants?.find(
    (grant) =>
      grant.role === role.name &&
      grant.operator === request.operator &&
      grant.host === request.host &&
      grant.login === request.login &&
      grant.approvers >= approval.approvers &&
      grant.untilMs > request.timeMs,
  );
}
