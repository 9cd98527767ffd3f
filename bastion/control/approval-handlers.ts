import { z } from 'zod';
import type { ControlHandler } from '../../shared/control/handler.ts';
import type { ApprovalDesk } from '../approvals/desk.ts';
import { read, toJson } from './params.ts';

const id = z.string().max(64);
const message = z.string().max(500).optional();
const operator = z.string().min(1).max(256);

// What names more by leaving something out is strict: a misspelt filter or end would be none.
const schemas = {
  grant: z.strictObject({ id, forMs: z.number().positive().optional() }),
  answer: z.object({ id, message }),
  refuseAll: z.strictObject({ operator: operator.optional(), newcomers: z.boolean().optional(), message }),
  lock: z.object({ operator, reason: message }),
  unlock: z.object({ operator }),
  endSessions: z.strictObject({ operator: operator.optional(), message }),
};

/** The methods of the control socket by which the customer's people decide about operators. */
export function approvalHandlers(desk: ApprovalDesk): Readonly<Record<string, ControlHandler>> {
  return {
    'approvals.list': async () => toJson(desk.list()),
    'approvals.grant': async (params, { actor }) => {
      const { id, forMs } = read(schemas.grant, params);
      return toJson({ grant: await desk.grant(actor, id, forMs) });
    },
    'approvals.refuse': async (params, { actor }) => {
      const { id, message } = read(schemas.answer, params);
      await desk.refuse(actor, id, message);
    },
    'approvals.refuse_all': async (params, { actor }) => {
      const { message, ...which } = read(schemas.refuseAll, params);
      return toJson({ refused: await desk.refuseAll(actor, which, message) });
    },
    'approvals.revoke': async (params, { actor }) => {
      const { id, message } = read(schemas.answer, params);
      await desk.revoke(actor, id, message);
    },
    'operators.locks': async () => toJson(desk.locks()),
    'operators.lock': async (params, { actor }) => {
      const { operator, reason } = read(schemas.lock, params);
      return toJson(await desk.lock(actor, operator, reason));
    },
    'operators.unlock': async (params, { actor }) => {
      await desk.unlock(actor, read(schemas.unlock, params).operator);
    },
    'sessions.end_all': async (params, { actor }) => {
      const { operator, message } = read(schemas.endSessions, params);
      return toJson({ ended: desk.endSessions(actor, operator === undefined ? {} : { operator }, message) });
    },
  };
}
