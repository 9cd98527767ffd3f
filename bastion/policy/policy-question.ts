import { z } from 'zod';
import { DrawbridgeError } from '../../shared/errors.ts';
import type { PolicyAction, PolicyRequest } from './decide.ts';

const text = (limit: number) => z.string().min(1).max(limit);

/** A question to the policy as people and programs ask it: may this operator do this? */
export const policyQuestionSchema = z.strictObject({
  operator: text(256).describe('Name of the operator'),
  groups: z.array(text(256)).max(200).default([]).describe('Groups that the vendor states for the operator'),
  amr: z
    .array(text(32))
    .max(20)
    .default(['mfa'])
    .describe('How the operator signed in (RFC 8176); mfa when left out'),
  host: text(100),
  login: z.string().max(64).default('').describe('UNIX account on the host'),
  action: text(300).default('shell').describe('shell, exec, sftp, login, reach, or forward:HOST:PORT'),
  labels: z
    .record(z.string().max(63), z.string().max(256))
    .optional()
    .describe('Labels of the host; those that it has when left out'),
  source: text(100).optional().describe('Address that the operator comes from'),
  at: z.iso.datetime({ offset: true }).optional().describe('Time that is asked about; now when left out'),
});

export type PolicyQuestion = z.input<typeof policyQuestionSchema>;

const PLAIN_ACTIONS = ['shell', 'exec', 'sftp', 'login', 'reach'] as const;

/**
 * The question as the policy is asked it.
 * @throws `usage.action`
 */
export function requestFor(
  question: PolicyQuestion,
  context: { readonly labels: Readonly<Record<string, string>>; readonly nowMs: number },
): PolicyRequest {
  const { operator, groups, amr, host, login, action, labels, source, at } =
    policyQuestionSchema.parse(question);
  return {
    operator,
    groups,
    amr,
    host,
    labels: labels ?? context.labels,
    login,
    action: parseAction(action),
    timeMs: at === undefined ? context.nowMs : Date.parse(at),
    ...(source === undefined ? {} : { source }),
  };
}

function parseAction(text: string): PolicyAction {
  const plain = PLAIN_ACTIONS.find((kind) => kind === text);
  if (plain !== undefined) return { kind: plain };
  const { host, port } = /^forward:(?<host>.+):(?<port>\d{1,5})$/.exec(text)?.groups ?? {};
  if (host !== undefined && port !== undefined) {
    return { kind: 'forward', host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
  }
  throw new DrawbridgeError('usage.action', `There is no action ${JSON.stringify(text)}.`, {
    hint: `Ask about one of ${PLAIN_ACTIONS.join(', ')}, or forward:HOST:PORT.`,
  });
}
