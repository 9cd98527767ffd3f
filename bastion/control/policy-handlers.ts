import { z } from 'zod';
import type { ControlHandler } from '../../shared/control/handler.ts';
import type { PolicyAdministration } from '../policy/policy-administration.ts';
import { policyQuestionSchema } from '../policy/policy-question.ts';
import { POLICY_LIMIT_BYTES } from '../policy/schema.ts';
import { defined, read, toJson } from './params.ts';

const policyText = z.string().max(POLICY_LIMIT_BYTES);
const message = z.string().max(500).optional();
const version = z.int().min(1);

const schemas = {
  show: z.object({ version: version.optional() }),
  check: z.object({ text: policyText }),
  explain: z.object({ question: policyQuestionSchema, text: policyText.optional() }),
  // Strict, since a misspelt version would replace another policy than was meant.
  apply: z.strictObject({ text: policyText, message, expectedVersion: version.optional() }),
  undo: z.strictObject({ to: version.optional(), message }),
  history: z.object({ before: version.optional(), limit: z.int().min(1).max(500).default(50) }),
  difference: z.object({ from: version, to: version }),
};

/** The methods `policy.*` of the bastion's control socket. */
export function policyHandlers(policies: PolicyAdministration): Readonly<Record<string, ControlHandler>> {
  return {
    'policy.show': async (params) => {
      const { version: asked } = read(schemas.show, params);
      return toJson(asked === undefined ? policies.summary : await policies.version(asked));
    },
    'policy.check': async (params) => policies.check(read(schemas.check, params).text),
    'policy.explain': async (params) => {
      const { question, text } = read(schemas.explain, params);
      return toJson(policies.explain(question, text));
    },
    'policy.apply': async (params, { actor }) => {
      const { text, ...options } = read(schemas.apply, params);
      return toJson(await policies.apply(actor, text, defined(options)));
    },
    'policy.undo': async (params, { actor }) =>
      toJson(await policies.undo(actor, defined(read(schemas.undo, params)))),
    'policy.history': async (params) => {
      const { limit, ...rest } = read(schemas.history, params);
      return toJson(await policies.history({ limit, ...defined(rest) }));
    },
    'policy.diff': async (params) => {
      const { from, to } = read(schemas.difference, params);
      return toJson(await policies.difference(from, to));
    },
  };
}
