import { parseDurationMs } from '../../../shared/config/duration.ts';
import type { ApprovalDesk } from '../../approvals/desk.ts';
import {
  answerSchema,
  approvalIdSchema,
  approvalListSchema,
  doneSchema,
  endedSchema,
  grantAnswerSchema,
  grantRequestSchema,
  lockListSchema,
  lockRequestSchema,
  lockSchema,
  operatorNameSchema,
  problemSchema,
  refuseAllSchema,
  refusedSchema,
} from '../api.ts';
import type { RouteContext, WebApp } from '../web-app.ts';

/** Approvals, and operators who are locked out. Changes arrive as `approval.*` and `operator.*` among `/api/events`. */
export function approvalRoutes(app: WebApp, context: RouteContext, desk: ApprovalDesk): void {
  const { guard } = context;
  const tags = ['approvals'];

  app.get(
    '/api/approvals',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Requests that wait, and grants in force',
        tags,
        response: { 200: approvalListSchema, '4xx': problemSchema },
      },
    },
    async () => desk.list(),
  );

  app.post(
    '/api/approvals/:id/grant',
    {
      onRequest: guard.require('approver'),
      schema: {
        summary: 'Approve a request, for a time',
        tags,
        params: approvalIdSchema,
        body: grantRequestSchema,
        response: { 200: grantAnswerSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const time = request.body?.for;
      const forMs = time === undefined ? undefined : parseDurationMs(time);
      const grant = await desk.grant(guard.callerOf(request).actor, request.params.id, forMs);
      return grant === undefined ? {} : { grant };
    },
  );

  app.post(
    '/api/approvals/:id/refuse',
    {
      onRequest: guard.require('approver'),
      schema: {
        summary: 'Refuse a request; the message is shown to the operator',
        tags,
        params: approvalIdSchema,
        body: answerSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await desk.refuse(guard.callerOf(request).actor, request.params.id, request.body?.message);
      return { ok: true as const };
    },
  );

  app.post(
    '/api/approvals/refuse',
    {
      onRequest: guard.require('approver'),
      schema: {
        summary: 'Refuse all requests that wait, or those of one operator, or of newcomers',
        tags,
        body: refuseAllSchema,
        response: { 200: refusedSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      const { message, ...which } = request.body;
      return { refused: await desk.refuseAll(guard.callerOf(request).actor, which, message) };
    },
  );

  app.post(
    '/api/grants/:id/revoke',
    {
      onRequest: guard.require('approver'),
      schema: {
        summary: 'Take a grant back; its sessions end at once',
        tags,
        params: approvalIdSchema,
        body: answerSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await desk.revoke(guard.callerOf(request).actor, request.params.id, request.body?.message);
      return { ok: true as const };
    },
  );

  app.get(
    '/api/operators/locks',
    {
      onRequest: guard.require('viewer'),
      schema: {
        summary: 'Operators who are locked out here',
        tags,
        response: { 200: lockListSchema, '4xx': problemSchema },
      },
    },
    async () => ({ locks: desk.locks() }),
  );

  app.put(
    '/api/operators/:operator/lock',
    {
      onRequest: guard.require('approver'),
      schema: {
        summary: 'Lock an operator out whatever the proxy says; their sessions end at once',
        tags,
        params: operatorNameSchema,
        body: lockRequestSchema,
        response: { 200: lockSchema, '4xx': problemSchema },
      },
    },
    (request) => desk.lock(guard.callerOf(request).actor, request.params.operator, request.body?.reason),
  );

  app.delete(
    '/api/operators/:operator/lock',
    {
      onRequest: guard.require('admin'),
      schema: {
        summary: 'Let a locked operator in again, as far as the policy allows',
        tags,
        params: operatorNameSchema,
        response: { 200: doneSchema, '4xx': problemSchema },
      },
    },
    async (request) => {
      await desk.unlock(guard.callerOf(request).actor, request.params.operator);
      return { ok: true as const };
    },
  );

  app.post(
    '/api/operators/:operator/end-sessions',
    {
      onRequest: guard.require('approver'),
      schema: {
        summary: "End an operator's live sessions at once",
        tags,
        params: operatorNameSchema,
        body: answerSchema,
        response: { 200: endedSchema, '4xx': problemSchema },
      },
    },
    async (request) => ({
      ended: desk.endSessions(guard.callerOf(request).actor, request.params, request.body?.message),
    }),
  );
}
